/* Both ends of links for tests: an owner that writes down what it is told, and a loop that runs until a
 * thing has happened, never for a time. */
#ifndef KEYHOP_TEST_LINK_H
#define KEYHOP_TEST_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "link.h"
#include "loop.h"

struct test_end {
	struct loop *loop;
	struct net *net; /* its own, or NULL */
	struct link *link; /* NULL after `down` */
	int ups, downs, err;
	size_t frames;
	char detail[200];
	char identity[IDENTITY_MAX]; /* of the peer, at `up` */
	bool close_on_up, close_on_down, echo;
	size_t close_at; /* close when so many frames came; 0: never */
	uint8_t *seen; /* all frames, each with its length, as on the wire */
	size_t seen_len, seen_cap;
};

void test_end_clear(struct test_end *e);
extern const struct link_ops test_end_ops;

/* An end over one socket of a pair; the other is returned. `type` as in socket(). */
int test_end_open(struct test_end *e, struct loop *loop, int type,
		  const struct link_settings *more);

/* With what a test begins and ends: a loop, and an end over a stream socket, whose other socket is returned. */
int test_link_setup(struct loop **loop, struct test_end *end);
void test_link_teardown(struct loop *loop, struct test_end *end, int peer);

/* Runs turns until nothing is ready. */
void test_turn(struct loop *loop);
/* Fails the test when `cond` does not come true. */
#define RUN_UNTIL(loop, cond) \
	do { \
		struct loop_timer *guard = test_guard(loop); \
		while (!(cond)) \
			test_wait(loop); \
		loop_timer_stop(&guard); \
	} while (0)
struct loop_timer *test_guard(struct loop *loop);
void test_wait(struct loop *loop);

/* Writes all, blocking or not; reads exactly `len`, running the loop in between. */
void test_write(int fd, const void *data, size_t len);
void test_read(struct loop *loop, int fd, void *data, size_t len);
/* One frame on the wire, in `out` of 4 + len octets. Gives its length. */
size_t test_frame(uint8_t *out, const void *data, size_t len);

#endif
