/* SPDX-License-Identifier: MIT */
/* A relay between sockets of the test's own. */
#ifndef VMFERRY_TESTS_UNIT_DRIVE_RELAY_LINK_H
#define VMFERRY_TESTS_UNIT_DRIVE_RELAY_LINK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drive/relay.h"

struct link {
	struct relay *relay;
	int listen_fd; /* the target's */
	char target[128];
};

/* @params: .listen and .target are filled in here. */
void link_open(struct link *link, bool tcp, struct relay_params params);
void link_close(struct link *link);
/* A connection through the relay. */
void link_connect(struct link *link, int *ret_near, int *ret_far);

/* Byte @offset of the stream that everybody sends. */
void stream_fill(void *buf, size_t bytes, uint64_t offset);
bool stream_check(const void *buf, size_t bytes, uint64_t offset);

/* Sends and checks streams in a thread, in pieces of random size. */
struct pump {
	int fd;
	uint64_t bytes; /* to send; UINT64_MAX = until it fails */
	uint64_t done;
	unsigned int max_piece;
	uint64_t seed;
	int error; /* errno that ended it, 0 = all done, or end of stream */
	bool wrong; /* a byte was not what it must be */
	bool shut; /* end the stream after the last byte */
	pthread_t thread;
};

void pump_send(struct pump *p);
void pump_receive(struct pump *p); /* until the end or an error */
void pump_join(struct pump *p);

/* Waits for @condition of the relay's counts, at most 5 s. */
#define wait_stats(link_, stats_, condition_)                                  \
	do {                                                                   \
		uint64_t until_ns_ = clock_now_ns() + 5 * NSEC_PER_SEC;        \
		for (;;) {                                                     \
			relay_stats((link_)->relay, stats_);                   \
			if (condition_)                                        \
				break;                                         \
			assert_true(clock_now_ns() < until_ns_);               \
			clock_sleep_until_ns(clock_now_ns() + 200000);         \
		}                                                              \
	} while (0)

unsigned int count_fds(void);

#endif
