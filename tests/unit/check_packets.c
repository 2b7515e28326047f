/* Packets of SCTP and TCP, as a capture has them, to messages. */
#include "packets.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "check_main.h"
#include "ids.h"
#include "net.h"
#include "packets_sctp.h"

#define LINK_RAW 101
#define SEEN_MAX 64
#define INIT_TSN 0xfffffffeU /* TSNs go round */

enum { DATA = 0, INIT = 1, INIT_ACK = 2, SACK = 3, ABORT = 6, COOKIE_ECHO = 10, COMPLETE = 14 };
enum { ENDS = 1, BEGINS = 2, WHOLE = 3, UNORDERED = 4 };

struct end {
	const char *address, *other; /* of a second path */
	uint16_t port, udp;
	uint32_t tag; /* of packets to it */
};
static const struct end enb = {"10.0.0.2", "10.1.0.2", 40000, 5000, 0x11111111},
			mme = {"10.0.0.1", "10.1.0.1", 36512, 9899, 0x22222222};

static struct packets *p;
static struct {
	enum iface iface;
	char from[PACKET_END_LEN], to[PACKET_END_LEN], text[32];
} seen[SEEN_MAX];
static unsigned n_seen;

/* The packet that is being made. */
static struct {
	uint8_t ip[70000];
	size_t sctp, len; /* where SCTP begins */
	bool no_crc, bad_crc;
} wire;

static void on_message(void *arg, const struct packet_message *m)
{
	ck_assert_ptr_eq(arg, &n_seen);
	if (n_seen == SEEN_MAX)
		return;
	seen[n_seen].iface = m->iface;
	memcpy(seen[n_seen].from, m->from, sizeof m->from);
	memcpy(seen[n_seen].to, m->to, sizeof m->to);
	snprintf(seen[n_seen].text, sizeof seen->text, "%.*s", (int)m->len, (const char *)m->data);
	n_seen++;
}

static void setup(void)
{
	p = packets_new(on_message, &n_seen);
	memset(&wire, 0, sizeof wire);
	n_seen = 0;
}

static void teardown(void)
{
	packets_free(p);
}

/* All texts since the last call, with a blank behind each. */
static const char *texts(void)
{
	static char all[SEEN_MAX * 33];

	all[0] = '\0';
	for (unsigned i = 0; i < n_seen; i++) {
		strcat(all, seen[i].text);
		strcat(all, " ");
	}
	n_seen = 0;
	return all;
}

static uint8_t *room(size_t n)
{
	uint8_t *at = wire.ip + wire.len;

	ck_assert_uint_le(wire.len + n, sizeof wire.ip);
	memset(at, 0, n);
	wire.len += n;
	return at;
}

static void put16(uint8_t *at, size_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static uint32_t crc32c(const uint8_t *data, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < 8 * len; i++) {
		uint32_t bit = (crc ^ data[i / 8] >> i % 8) & 1;
		crc = crc >> 1 ^ (bit ? 0x82f63b78U : 0);
	}
	return ~crc;
}

static void begin_ip(const char *from, const char *to, uint8_t protocol)
{
	wire.len = 0;
	uint8_t *ip = room(20);
	ip[0] = 0x45;
	ip[9] = protocol;
	ck_assert_int_eq(inet_pton(AF_INET, from, ip + 12), 1);
	ck_assert_int_eq(inet_pton(AF_INET, to, ip + 16), 1);
}

static void begin_ports(const struct end *from, const struct end *to, uint32_t tag)
{
	wire.sctp = wire.len;
	uint8_t *head = room(12);
	put16(head, from->port);
	put16(head + 2, to->port);
	put_be32(head + 4, tag);
}

static void begin(const struct end *from, const struct end *to)
{
	begin_ip(from->address, to->address, IPPROTO_SCTP);
	begin_ports(from, to, to->tag);
}

static void begin_udp(const struct end *from, const struct end *to, uint32_t tag)
{
	begin_ip(from->address, to->address, IPPROTO_UDP);
	uint8_t *udp = room(8);
	put16(udp, from->udp);
	put16(udp + 2, to->udp);
	begin_ports(from, to, tag);
}

static uint8_t *chunk(uint8_t type, uint8_t flags, size_t len)
{
	uint8_t *c = room((len + 3) / 4 * 4);

	c[0] = type;
	c[1] = flags;
	put16(c + 2, len);
	return c;
}

static void init_chunk(uint8_t type, uint32_t tag, uint32_t tsn)
{
	uint8_t *c = chunk(type, 0, 20);

	put_be32(c + 4, tag);
	put_be32(c + 16, tsn);
}

static uint8_t *data_chunk(uint32_t tsn, uint8_t flags, const void *octets, size_t len)
{
	uint8_t *c = chunk(DATA, flags, 16 + len);

	put_be32(c + 4, tsn);
	memcpy(c + 16, octets, len);
	return c;
}

/* One letter, one frame. */
static uint8_t *letter(uint32_t tsn, char c)
{
	const uint8_t frame[] = {0, 0, 0, 1, (uint8_t)c};

	return data_chunk(tsn, WHOLE, frame, sizeof frame);
}

static void sack(uint32_t tsn)
{
	put_be32(chunk(SACK, 0, 16) + 4, tsn);
}

static void take(void)
{
	struct capture_block b = {
		.kind = BLOCK_PACKET, .linktype = LINK_RAW, .data = wire.ip, .len = wire.len};

	packets_take(p, &b);
}

static void send_packet(void)
{
	uint8_t *sctp = wire.ip + wire.sctp;
	size_t len = wire.len - wire.sctp;

	put16(wire.ip + 2, wire.len);
	if (wire.ip[9] == IPPROTO_UDP)
		put16(sctp - 4, 8 + len);
	uint32_t crc = wire.no_crc ? 0 : crc32c(sctp, len) ^ wire.bad_crc;
	for (int i = 0; i < 4; i++)
		sctp[8 + i] = (uint8_t)(crc >> 8 * i);
	take();
}

static void send_letter(const struct end *from, const struct end *to, uint32_t tsn, char c)
{
	begin(from, to);
	letter(tsn, c);
	send_packet();
}

static void associate(const struct end *from, const struct end *to)
{
	begin_ip(from->address, to->address, IPPROTO_SCTP);
	begin_ports(from, to, 0);
	init_chunk(INIT, from->tag, INIT_TSN);
	send_packet();
	begin(to, from);
	init_chunk(INIT_ACK, to->tag, 100);
	send_packet();
	begin(from, to);
	chunk(COOKIE_ECHO, 0, 40);
	send_packet();
}

START_TEST(both_ways)
{
	associate(&enb, &mme);
	send_letter(&enb, &mme, INIT_TSN, 'a');
	send_letter(&mme, &enb, 100, 'b');
	ck_assert_uint_eq(n_seen, 2);
	ck_assert_int_eq(seen[0].iface, IFACE_S1);
	ck_assert_str_eq(seen[0].from, "10.0.0.2:40000");
	ck_assert_str_eq(seen[0].to, "10.0.0.1:36512");
	ck_assert_str_eq(seen[1].from, "10.0.0.1:36512");
	ck_assert_str_eq(seen[1].to, "10.0.0.2:40000");
	ck_assert_str_eq(texts(), "a b ");
}
END_TEST

START_TEST(in_order_and_once)
{
	associate(&enb, &mme);
	send_letter(&enb, &mme, INIT_TSN + 2, 'c');
	send_letter(&enb, &mme, INIT_TSN + 3, 'd');
	send_letter(&enb, &mme, INIT_TSN + 2, 'c');
	ck_assert_str_eq(texts(), "");
	send_letter(&enb, &mme, INIT_TSN, 'a');
	ck_assert_str_eq(texts(), "a ");
	send_letter(&enb, &mme, INIT_TSN, 'a');
	send_letter(&enb, &mme, INIT_TSN + 1, 'b');
	send_letter(&enb, &mme, INIT_TSN + 3, 'd');
	ck_assert_str_eq(texts(), "b c d ");
	ck_assert_uint_eq(p->sctp->held_octets, 0);
}
END_TEST

/* A frame over two messages, the second in two chunks of one packet, with another frame behind it. */
START_TEST(pieces)
{
	associate(&enb, &mme);
	begin(&enb, &mme);
	data_chunk(INIT_TSN, WHOLE, "\0\0\0\5ab", 6);
	send_packet();
	begin(&enb, &mme);
	sack(99);
	data_chunk(INIT_TSN + 1, BEGINS, "c", 1);
	data_chunk(INIT_TSN + 2, 0, "d", 1);
	data_chunk(INIT_TSN + 3, ENDS, "e\0\0\0\1f", 6);
	letter(INIT_TSN + 4, 'g');
	send_packet();
	ck_assert_str_eq(texts(), "abcde f g ");
	/* What a message has comes when it is whole. */
	begin(&enb, &mme);
	data_chunk(INIT_TSN + 5, BEGINS, "\0\0\0\1h\0", 6);
	send_packet();
	ck_assert_str_eq(texts(), "");
	begin(&enb, &mme);
	data_chunk(INIT_TSN + 6, ENDS, "\0\0\1i", 4);
	send_packet();
	ck_assert_str_eq(texts(), "h i ");
}
END_TEST

START_TEST(in_udp)
{
	begin_udp(&enb, &mme, 0);
	init_chunk(INIT, enb.tag, 7);
	send_packet();
	for (uint32_t tsn = 7; tsn < 11; tsn++) {
		begin_udp(&enb, &mme, mme.tag);
		letter(tsn, (char)('a' + tsn - 7));
		send_packet();
	}
	ck_assert_str_eq(texts(), "a b c d ");
	/* Any port will do. Without a good checksum it is not SCTP. */
	for (int i = 0; i < 3; i++) {
		begin_udp(&enb, &mme, mme.tag);
		put16(wire.ip + 22, 53);
		letter(11, 'e');
		wire.no_crc = i == 0;
		wire.bad_crc = i == 1;
		send_packet();
		ck_assert_str_eq(texts(), i == 2 ? "e " : "");
	}
}
END_TEST

START_TEST(checksums)
{
	associate(&enb, &mme);
	wire.bad_crc = true;
	send_letter(&enb, &mme, INIT_TSN, 'x');
	wire.bad_crc = false;
	wire.no_crc = true; /* the network card has still to write it */
	send_letter(&enb, &mme, INIT_TSN, 'a');
	ck_assert_str_eq(texts(), "a ");
}
END_TEST

START_TEST(another_path)
{
	associate(&enb, &mme);
	send_letter(&enb, &mme, INIT_TSN, 'a');
	begin_ip(enb.other, mme.other, IPPROTO_SCTP);
	begin_ports(&enb, &mme, mme.tag);
	letter(INIT_TSN + 1, 'b');
	send_packet();
	ck_assert_str_eq(seen[1].from, "10.0.0.2:40000");
	ck_assert_str_eq(texts(), "a b ");
}
END_TEST

/* The listener keeps nothing of an INIT: every answer has another tag and another TSN. */
START_TEST(several_init_acks)
{
	struct end first = mme;

	begin_ip(enb.address, mme.address, IPPROTO_SCTP);
	begin_ports(&enb, &mme, 0);
	init_chunk(INIT, enb.tag, INIT_TSN);
	send_packet();
	send_packet();
	for (uint32_t i = 0; i < 40; i++) {
		begin(&mme, &enb);
		init_chunk(INIT_ACK, mme.tag + i, 100 + 100 * i);
		send_packet();
	}
	first.tag = mme.tag + 3;
	begin(&enb, &first);
	chunk(COOKIE_ECHO, 0, 40);
	letter(INIT_TSN, 'a');
	send_packet();
	send_letter(&mme, &enb, 401, 'c');
	ck_assert_str_eq(texts(), "a ");
	send_letter(&mme, &enb, 400, 'b');
	ck_assert_str_eq(texts(), "b c ");
	ck_assert_uint_eq(p->sctp->n_associations, 1);
}
END_TEST

START_TEST(other_streams)
{
	associate(&enb, &mme);
	begin(&enb, &mme);
	letter(INIT_TSN, 'x')[1] |= UNORDERED;
	put16(letter(INIT_TSN + 1, 'y') + 8, 1);
	letter(INIT_TSN + 2, 'a');
	send_packet();
	ck_assert_str_eq(texts(), "a ");
}
END_TEST

/* Ports of one's own: in clear the payload protocol identifier tells, under TLS nothing does. */
START_TEST(other_ports)
{
	struct end strange = mme;

	strange.port = 5555;
	associate(&enb, &strange);
	for (unsigned i = 0; i < 3; i++) {
		begin(&strange, &enb);
		put_be32(letter(100 + i, 'x') + 12, i == 0 ? PPID_TLS : 0);
		send_packet();
	}
	ck_assert_uint_eq(n_seen, 0);
	strange.tag++;
	strange.port++;
	associate(&enb, &strange);
	for (unsigned i = 0; i < 2; i++) {
		begin(&strange, &enb);
		put_be32(letter(100 + i, (char)('a' + i)) + 12, i == 0 ? PPID_X2 : 0);
		send_packet();
	}
	ck_assert_int_eq(seen[0].iface, IFACE_X2);
	ck_assert_str_eq(texts(), "a b ");
}
END_TEST

/* What the receiver has said that it has will not be sent again. */
START_TEST(the_capture_lacks_a_packet)
{
	associate(&enb, &mme);
	begin(&enb, &mme);
	data_chunk(INIT_TSN, WHOLE, "\0\0\0\7half", 8);
	data_chunk(INIT_TSN + 2, ENDS, "rest", 4);
	letter(INIT_TSN + 3, 'b');
	data_chunk(INIT_TSN + 5, ENDS, "rest", 4);
	letter(INIT_TSN + 6, 'c');
	send_packet();
	begin(&mme, &enb);
	sack(INIT_TSN);
	send_packet();
	ck_assert_str_eq(texts(), "");
	begin(&mme, &enb);
	sack(INIT_TSN + 3);
	send_packet();
	ck_assert_str_eq(texts(), "b ");
	begin(&mme, &enb);
	sack(INIT_TSN + 6);
	send_packet();
	ck_assert_str_eq(texts(), "c ");
	send_letter(&enb, &mme, INIT_TSN + 7, 'd');
	begin(&mme, &enb);
	sack(INIT_TSN + 8);
	send_packet();
	send_letter(&enb, &mme, INIT_TSN + 9, 'f');
	ck_assert_str_eq(texts(), "d f ");
}
END_TEST

static void bare(const struct end *from, const struct end *to, uint32_t tag, uint8_t type,
		 uint8_t flags)
{
	begin_ip(from->address, to->address, IPPROTO_SCTP);
	begin_ports(from, to, tag);
	chunk(type, flags, 4);
	send_packet();
}

/* By a packet of the MME; afterwards the same ends associate again. */
static void end_with(uint32_t tag, uint8_t type, uint8_t flags)
{
	struct end enb2 = enb, mme2 = mme;

	associate(&enb, &mme);
	bare(&mme, &enb, 0x33333333, type, flags); /* a stranger's */
	send_letter(&enb, &mme, INIT_TSN, 'a');
	bare(&mme, &enb, tag, type, flags);
	send_letter(&enb, &mme, INIT_TSN + 1, 'b');
	ck_assert_str_eq(texts(), "a ");
	enb2.tag = 0x44444444;
	mme2.tag = 0x55555555;
	associate(&enb2, &mme2);
	send_letter(&enb, &mme, INIT_TSN + 1, 'b');
	send_letter(&mme2, &enb2, 100, 'c');
	send_letter(&enb2, &mme2, INIT_TSN, 'd');
	ck_assert_str_eq(texts(), "c d ");
}

START_TEST(shutdown_complete)
{
	end_with(enb.tag, COMPLETE, 0);
}
END_TEST

START_TEST(abort_with_a_reflected_tag)
{
	end_with(mme.tag, ABORT, 1);
}
END_TEST

START_TEST(from_the_middle)
{
	send_letter(&enb, &mme, 5000, 'a');
	send_letter(&mme, &enb, 9, 'b');
	send_letter(&enb, &mme, 4999, 'x');
	send_letter(&enb, &mme, 5001, 'c');
	ck_assert_str_eq(texts(), "a b c ");
}
END_TEST

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* Headers and chunks with any octets in them, under a checksum that is right. */
START_TEST(any_octets)
{
	uint32_t seed = 1;

	for (int i = 0; i < 30000; i++) {
		if (i % 100 == 0)
			associate(&enb, &mme);
		begin(i % 2 ? &enb : &mme, i % 2 ? &mme : &enb);
		for (unsigned n = next_random(&seed) % 4; n > 0; n--)
			chunk(next_random(&seed) % 16, next_random(&seed) % 8,
			      4 + next_random(&seed) % 40);
		for (unsigned n = next_random(&seed) % 6; n > 0; n--) {
			size_t at = next_random(&seed) % wire.len;
			wire.ip[at] = at < 20 ? wire.ip[at] : (uint8_t)next_random(&seed);
		}
		if (next_random(&seed) % 4 == 0)
			wire.len -= next_random(&seed) % (wire.len - 20);
		if (wire.len >= 32)
			send_packet();
		else
			take();
	}
	ck_assert_uint_le(p->sctp->n_associations, 30000);
}
END_TEST

/* Many associations of strangers: who is there and speaks is not forgotten for them. */
START_TEST(many)
{
	static uint8_t big[60000];
	struct end stranger = enb;

	wire.no_crc = true;
	associate(&enb, &mme);
	for (uint32_t i = 0; i < 100000; i++) {
		stranger.tag = 0x55000000 + i;
		begin_ip(stranger.address, mme.address, IPPROTO_SCTP);
		begin_ports(&stranger, &mme, 0);
		init_chunk(INIT, stranger.tag, i);
		send_packet();
		if (i % 10000 == 0)
			send_letter(&enb, &mme, INIT_TSN + i / 10000, 'a');
	}
	ck_assert_str_eq(texts(), "a a a a a a a a a a ");
	ck_assert_uint_le(p->sctp->n_associations, 32768);
	for (uint32_t i = 0; i < 20000; i++)
		send_letter(&mme, &enb, 200 + i, 'x');
	ck_assert_uint_le(p->sctp->held_octets, 8192 * 200);
	for (uint32_t i = 0; i < 3000; i++) {
		begin(&enb, &mme);
		data_chunk(INIT_TSN + 1000 + i, WHOLE, big, sizeof big);
		send_packet();
	}
	ck_assert_uint_le(p->sctp->held_octets, 64U << 20);
	ck_assert_uint_ge(p->sctp->held_octets, 60U << 20);
	ck_assert_str_eq(texts(), "");
}
END_TEST

static void send_tcp(uint32_t seq, uint8_t flags, const char *octets, size_t len)
{
	begin_ip(enb.address, mme.address, IPPROTO_TCP);
	uint8_t *tcp = room(20);
	put16(tcp, enb.port);
	put16(tcp + 2, mme.port);
	put_be32(tcp + 4, seq);
	tcp[12] = 5 << 4;
	tcp[13] = flags;
	memcpy(room(len), octets, len);
	put16(wire.ip + 2, wire.len);
	take();
}

START_TEST(tcp)
{
	send_tcp(10, 2, "", 0);
	send_tcp(14, 0, "\1a\0\0\0", 5);
	ck_assert_str_eq(texts(), "");
	send_tcp(11, 0, "\0\0\0\1", 4);
	ck_assert_str_eq(texts(), "a ");
	send_tcp(16, 0, "\0\0\0\1b", 5);
	ck_assert_str_eq(texts(), "b ");
	ck_assert_ptr_null(p->sctp);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("packets");

	CHECK_CASE_WITH(s, "sctp", setup, teardown, both_ways, in_order_and_once, pieces, in_udp,
			checksums, another_path, several_init_acks, other_streams, other_ports,
			the_capture_lacks_a_packet, shutdown_complete, abort_with_a_reflected_tag,
			from_the_middle, any_octets, many);
	CHECK_CASE_WITH(s, "tcp", setup, teardown, tcp);
	return check_main(s);
}
