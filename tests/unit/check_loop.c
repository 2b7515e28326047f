#include "loop.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "check_main.h"
#include "clock.h"

static struct loop *loop;
static char story[64]; /* a letter for each thing that happened, in order */

static void tell(char c)
{
	size_t n = strlen(story);

	ck_assert_uint_lt(n + 1, sizeof story);
	story[n] = c;
	story[n + 1] = '\0';
}

static void setup(void)
{
	loop = loop_new();
	ck_assert_ptr_nonnull(loop);
	story[0] = '\0';
}

static void teardown(void)
{
	loop_free(loop);
}

static void turn(void)
{
	event_base_loop(loop_base(loop), EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

struct letter {
	struct loop_task task;
	char c;
	int again; /* times it queues itself */
	struct letter *next, *cancels;
};

static void run_letter(struct loop_task *task)
{
	struct letter *l = (struct letter *)task;

	tell(l->c);
	if (l->again-- > 0)
		loop_defer(loop, &l->task);
	if (l->next)
		loop_defer(loop, &l->next->task);
	if (l->cancels)
		loop_cancel(loop, &l->cancels->task);
}

#define LETTER(ch, ...) \
	{ \
		.task = {.run = run_letter}, .c = (ch), __VA_ARGS__ \
	}

START_TEST(in_order_and_once)
{
	struct letter a = LETTER('a', .again = 0), b = LETTER('b', .again = 0);

	loop_defer(loop, &a.task);
	loop_defer(loop, &b.task);
	loop_defer(loop, &a.task);
	ck_assert_str_eq(story, "");
	turn();
	ck_assert_str_eq(story, "ab");
	turn();
	ck_assert_str_eq(story, "ab");
	ck_assert(!a.task.queued);
}
END_TEST

static struct letter deferred = LETTER('.', .again = 0);

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	char octet;

	(void)what;
	(void)arg;
	ck_assert_int_eq(read(fd, &octet, 1), 1);
	tell(octet);
	loop_defer(loop, &deferred.task);
}

/* One turn with three readable sockets: one task at its end. */
START_TEST(after_all_that_is_ready)
{
	struct event *events[3];
	int fds[3][2];

	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds[i]), 0);
		events[i] = event_new(loop_base(loop), fds[i][0], EV_READ | EV_PERSIST, on_readable,
				      NULL);
		event_add(events[i], NULL);
		ck_assert_int_eq(write(fds[i][1], "r", 1), 1);
	}
	turn();
	ck_assert_str_eq(story, "rrr.");
	for (int i = 0; i < 3; i++) {
		event_free(events[i]);
		close(fds[i][0]);
		close(fds[i][1]);
	}
}
END_TEST

/* A task that queues itself does not keep the loop from its sockets. */
START_TEST(again_is_another_turn)
{
	struct letter a = LETTER('a', .again = 1000000);
	struct event *event;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	event = event_new(loop_base(loop), fds[0], EV_READ | EV_PERSIST, on_readable, NULL);
	event_add(event, NULL);
	loop_defer(loop, &a.task);
	turn();
	ck_assert_str_eq(story, "a");
	ck_assert_int_eq(write(fds[1], "r", 1), 1);
	turn();
	ck_assert_ptr_nonnull(strchr(story, 'r'));
	loop_cancel(loop, &a.task);
	event_free(event);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(queued_by_a_task)
{
	struct letter b = LETTER('b', .again = 0), a = LETTER('a', .next = &b);

	loop_defer(loop, &a.task);
	turn();
	ck_assert_str_eq(story, "a");
	while (b.task.queued)
		turn();
	ck_assert_str_eq(story, "ab");
}
END_TEST

START_TEST(cancelled)
{
	struct letter b = LETTER('b', .again = 0), a = LETTER('a', .cancels = &b);

	loop_defer(loop, &a.task);
	loop_cancel(loop, &a.task);
	loop_cancel(loop, &a.task);
	turn();
	ck_assert_str_eq(story, "");
	/* By a task of the same round, before its turn comes. */
	loop_defer(loop, &a.task);
	loop_defer(loop, &b.task);
	turn();
	ck_assert_str_eq(story, "a");
	loop_defer(loop, &b.task);
	turn();
	ck_assert_str_eq(story, "ab");
}
END_TEST

START_TEST(freeing_runs_the_rest)
{
	struct letter b = LETTER('b', .again = 0), a = LETTER('a', .next = &b);
	struct letter c = LETTER('c', .again = 1000000);
	struct loop *outer = loop;

	loop = loop_new();
	loop_defer(loop, &a.task);
	loop_defer(loop, &c.task);
	loop_free(loop);
	loop = outer;
	ck_assert_ptr_nonnull(strchr(story, 'b'));
	ck_assert_int_gt(c.again, 999900);
}
END_TEST

static struct loop_timer *timer;

static void on_timer(void *arg)
{
	const char *c = arg;

	tell(*c);
	if (*c == 'z')
		loop_stop(loop);
}

static void on_timer_again(void *arg)
{
	const char *c = arg;

	tell(*c);
	timer = loop_timer_start(loop, 0, c[1] ? on_timer_again : on_timer, arg);
	if (c[1])
		loop_timer_stop(&timer);
	loop_stop(loop);
}

START_TEST(timers)
{
	static char letters[] = "abz";
	struct loop_timer *b;
	int64_t start = clock_mono_us();

	loop_timer_start(loop, 30, on_timer, letters + 2);
	b = loop_timer_start(loop, 10, on_timer, letters + 1);
	loop_timer_start(loop, 1, on_timer, letters);
	loop_timer_stop(&b);
	ck_assert_ptr_null(b);
	loop_timer_stop(&b);
	loop_run(loop);
	ck_assert_str_eq(story, "az");
	/* The loop's clock is a coarse one. */
	ck_assert_int_ge(clock_mono_us() - start, 20000);
}
END_TEST

START_TEST(timer_starts_a_timer)
{
	static char letters[] = "z", pair[] = "ab";

	loop_timer_start(loop, 0, on_timer_again, letters);
	loop_run(loop);
	loop_run(loop);
	ck_assert_str_eq(story, "zz");
	loop_timer_start(loop, 0, on_timer_again, pair);
	loop_run(loop);
	ck_assert_str_eq(story, "zza");
	ck_assert_ptr_null(timer);
}
END_TEST

/* loop_stop() lets the turn end: what was answered still goes out. */
START_TEST(stop_ends_the_turn)
{
	static char z[] = "z";
	struct letter a = LETTER('a', .again = 0);

	loop_timer_start(loop, 0, on_timer, z);
	loop_defer(loop, &a.task);
	loop_run(loop);
	ck_assert_uint_eq(strlen(story), 2);
}
END_TEST

START_TEST(scratch)
{
	uint8_t *wire = loop_scratch(loop, SCRATCH_WIRE);

	ck_assert_ptr_eq(wire, loop_scratch(loop, SCRATCH_WIRE));
	ck_assert_ptr_ne(wire, loop_scratch(loop, SCRATCH_PLAIN));
	memset(wire, 1, LOOP_SCRATCH_LEN);
}
END_TEST

START_TEST(free_of_nothing)
{
	loop_free(NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("loop");

	CHECK_CASE_WITH(s, "tasks", setup, teardown, in_order_and_once, after_all_that_is_ready,
			again_is_another_turn, queued_by_a_task, cancelled, freeing_runs_the_rest);
	CHECK_CASE_WITH(s, "timers", setup, teardown, timers, timer_starts_a_timer,
			stop_ends_the_turn);
	CHECK_CASE_WITH(s, "memory", setup, teardown, scratch, free_of_nothing);
	return check_main(s);
}
