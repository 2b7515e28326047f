#include "link.h"

#include <stdlib.h>
#include <string.h>

#include "link_internal.h"
#include "mem.h"
#include "tls_peer.h"

#define SETUP_TIMEOUT_MS 5000
#define OUTPUT_LIMIT (16U * 1024 * 1024)

static void link_free(struct link *l)
{
	loop_cancel(l->loop, &l->turn_end);
	link_drop_held(l);
	loop_timer_stop(&l->setup);
	conn_close(l->conn);
	tls_free(l->tls);
	buf_clear(&l->in);
	buf_clear(&l->out);
	free(l->alpn);
	free(l->detail);
	free(l);
}

static void set_writing(struct link *l, bool on)
{
	l->writing = on;
	conn_set_writing(l->conn, on);
}

static void stop_waiting(struct link *l)
{
	loop_timer_stop(&l->setup);
	conn_set_reading(l->conn, false);
	set_writing(l, false);
}

void link_fail(struct link *l, int err, const char *detail)
{
	if (l->state == LINK_FAILED || l->state == LINK_CLOSED)
		return;
	l->state = LINK_FAILED;
	l->err = err;
	l->detail = x_strdup(detail);
	stop_waiting(l);
	loop_defer(l->loop, &l->turn_end);
}

void link_go_up(struct link *l)
{
	l->state = LINK_UP;
	loop_timer_stop(&l->setup);
	l->ops->up(l, l->owner);
}

static void on_setup_timeout(void *arg)
{
	struct link *l = arg;

	l->setup = NULL;
	link_fail(l, KH_E_TIMEOUT,
		  l->state == LINK_CONNECTING ? "no connection in time"
					      : "TLS handshake not done in time");
}

static void on_revoked(void *arg)
{
	struct link *l = arg;

	link_fail(l, KH_E_CERTIFICATE_REVOKED, tls_peer_identity(l->tls));
}

static void start_tls(struct link *l, bool server)
{
	l->state = LINK_HANDSHAKE;
	l->tls = tls_new(l->tls_context, server, l->alpn);
	tls_on_revoked(l->tls, on_revoked, l);
	conn_set_reading(l->conn, true);
	/* A client speaks first. */
	if (tls_handshake(l->tls) < 0)
		link_fail(l, KH_E_TLS_FAILED, tls_error_text(l->tls));
	loop_defer(l->loop, &l->turn_end);
}

static void connected(struct link *l)
{
	int error = conn_error(l->conn);

	set_writing(l, false);
	if (error != 0) {
		link_fail(l, KH_E_CANNOT_CONNECT, strerror(error));
		return;
	}
	if (l->tls_context) {
		start_tls(l, false);
		return;
	}
	conn_set_reading(l->conn, true);
	link_go_up(l);
}

static void on_readable(void *arg)
{
	link_read(arg);
}

static void on_writable(void *arg)
{
	struct link *l = arg;

	if (l->state == LINK_CONNECTING) {
		connected(l);
		return;
	}
	set_writing(l, false);
	link_flush(l);
	link_balance(l);
}

static const struct conn_ops conn_ops = {.readable = on_readable, .writable = on_writable};

/* The last word to the peer (frames, an alert, close_notify), then to the owner unless it has let
 * go. */
static void finish(struct link *l)
{
	bool tell = l->state == LINK_FAILED;

	link_flush(l);
	/* The owner may call link_close() on what it takes for alive. */
	l->state = LINK_CLOSED;
	if (tell)
		l->ops->down(l, l->owner, l->err, l->detail);
	link_free(l);
}

/* A peer that resets the connection has often said why before: that is still to be read. */
static void read_last_words(struct link *l)
{
	link_read(l);
	link_fail(l, l->in.len > 0 ? KH_E_FRAME_TRUNCATED : KH_E_LINK_LOST,
		  strerror(l->send_errno));
}

static void on_turn_end(struct loop_task *task)
{
	struct link *l = (void *)((char *)task - offsetof(struct link, turn_end));

	if (l->state == LINK_ACCEPTED) {
		conn_set_reading(l->conn, true);
		link_go_up(l);
	}
	if (l->state == LINK_FAILED || l->state == LINK_CLOSED) {
		finish(l);
		return;
	}
	link_flush(l);
	if (l->send_errno)
		read_last_words(l);
	else
		link_balance(l);
}

static struct link *link_new(const struct link_settings *s, struct conn *c,
			     const struct endpoint *peer)
{
	struct link *l = x_calloc(1, sizeof *l);

	l->loop = net_loop(s->net);
	l->turn_end.run = on_turn_end;
	l->ops = s->ops;
	l->owner = s->owner;
	l->tap = s->tap;
	l->conn = c;
	l->tls_context = s->tls;
	l->alpn = x_strdup(s->alpn ? s->alpn : "");
	l->in.secret = true;
	l->out.secret = true;
	l->output_limit = s->output_limit ? s->output_limit : OUTPUT_LIMIT;
	l->max_frames = s->max_frames;
	if (peer)
		endpoint_text(peer, l->peer);
	conn_set_ops(c, &conn_ops, l);
	return l;
}

static uint32_t ppid(const struct link_settings *s)
{
	return s->tls ? PPID_TLS : s->ppid;
}

static void start_setup_timer(struct link *l, const struct link_settings *s)
{
	uint32_t ms = s->setup_timeout_ms ? s->setup_timeout_ms : SETUP_TIMEOUT_MS;

	l->setup = loop_timer_start(l->loop, ms, on_setup_timeout, l);
}

int link_connect(struct link **out, const struct link_settings *s, const struct conn_peer *peer,
		 const struct endpoints *local)
{
	struct conn *c;
	int err = conn_connect(&c, s->net, peer, local, ppid(s));

	if (err < 0)
		return err;
	*out = link_new(s, c, &peer->at.at[0]);
	(*out)->state = LINK_CONNECTING;
	set_writing(*out, true);
	start_setup_timer(*out, s);
	return 0;
}

struct link *link_accept(const struct link_settings *s, struct conn *c, const struct endpoint *peer)
{
	struct link *l = link_new(s, c, peer);

	conn_set_ppid(c, ppid(s));
	if (s->tls) {
		start_setup_timer(l, s);
		start_tls(l, true);
	} else {
		loop_defer(l->loop, &l->turn_end);
	}
	return l;
}

void link_close(struct link *l)
{
	if (l->state == LINK_CLOSED)
		return;
	l->state = LINK_CLOSED;
	stop_waiting(l);
	loop_defer(l->loop, &l->turn_end);
}

void link_set_owner(struct link *l, const struct link_ops *ops, void *owner)
{
	l->ops = ops;
	l->owner = owner;
}

bool link_is_up(const struct link *l)
{
	return l->state == LINK_UP;
}

const char *link_peer_identity(const struct link *l)
{
	return l->tls ? tls_peer_identity(l->tls) : "";
}

struct tls_peer *link_peer_certificate(const struct link *l)
{
	return l->tls ? tls_peer_keep(l->tls) : NULL;
}

bool link_has_tls(const struct link *l)
{
	return l->tls_context != NULL;
}

const char *link_peer_text(const struct link *l)
{
	return l->peer;
}

enum transport link_transport(const struct link *l)
{
	return conn_transport(l->conn);
}

/* A capture asks at every message. */
void link_endpoints(struct link *l, struct endpoint *local, struct endpoint *peer)
{
	if (!l->tap_peer.len)
		conn_endpoints(l->conn, &l->tap_local, &l->tap_peer);
	*local = l->tap_local;
	*peer = l->tap_peer;
}

uint64_t *link_tap_mark(struct link *l)
{
	return &l->tap_mark;
}
