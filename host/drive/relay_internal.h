/* SPDX-License-Identifier: MIT */
/*
 * What the files of the relay share.
 *
 * relay.c            what other threads call
 * relay_loop.c       the thread: waits, marks what is ready, makes passes
 * relay_connection.c a connection's life: dialling, open, its ends
 * relay_lane.c       one direction of a connection: bytes from here to there
 * relay_count.c      the counters that other threads read
 */
#ifndef VMFERRY_DRIVE_RELAY_INTERNAL_H
#define VMFERRY_DRIVE_RELAY_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drive/relay.h"
#include "drive/relay_pacer.h"
#include "drive/relay_queue.h"

#define RELAY_NEVER UINT64_MAX

/* Written by the relay thread alone. */
struct relay_flow_count {
	_Atomic uint64_t bytes, first_ns, last_ns;
};

struct relay_count {
	_Atomic uint64_t opened_ns, closed_ns;
	_Atomic int error;
	_Atomic uint64_t unacked[2]; /* forward, backward */
	struct relay_flow_count forward, backward;
};

/* Blocks are added and never moved: readers walk them without a lock. */
struct relay_count_block {
	struct relay_count count[64];
	_Atomic(struct relay_count_block *) next;
};

struct relay_connection_state;

/* One of a connection's two sockets. Readiness as edges: true until the
 * socket said EAGAIN, and again when epoll reports it. */
struct relay_end {
	struct relay_connection_state *connection;
	int fd;
	int error; /* -errno that a write to it met */
	bool tcp;
	bool can_read, can_write;
	bool hup; /* the peer takes nothing any more */
};

struct relay_lane {
	struct relay_end *from, *to;
	struct relay_flow_count *count;
	int pipe[2];
	size_t pipe_bytes; /* in the pipe, older than what is in the queue */
	struct relay_queue queue; /* with a delay only */
	bool forward;
	bool ended; /* nothing more comes from .from */
	int error; /* how it ended: 0 = end of stream */
	uint64_t ended_ns;
	bool finished; /* the end was passed on, or .to is lost */
};

enum relay_phase {
	RELAY_DIALLING,
	RELAY_OPEN,
	RELAY_LOST, /* an error to be passed on once delivered all */
	RELAY_CLOSED,
};

struct relay_connection_state {
	struct relay_connection_state *next;
	enum relay_phase phase;
	struct relay_end near, far;
	struct relay_lane forward, backward;
	struct relay_count *count;
	uint64_t give_up_ns; /* dialling, or delivering before a reset */
	uint64_t retry_ns; /* dial again, or look again whether it arrived */
};

struct relay {
	struct relay_params params;
	char address[256];
	char target[256];
	pthread_t thread;
	int listen_fd, epoll_fd, wake_fd;

	/* Set by any thread; the relay thread looks at each pass. */
	_Atomic bool stop;
	_Atomic uint64_t rate, delay_ns, stall_until_ns, cut_at;

	/* Read by any thread. */
	_Atomic unsigned int nr_connections, nr_open, nr_unreached;
	_Atomic uint64_t buffered, cut_ns;
	struct relay_flow_count forward, backward;
	struct relay_count_block counts;

	/* The relay thread's own. */
	struct relay_connection_state *connections;
	struct relay_count_block *last_counts;
	struct pacer pacer;
	bool can_accept, cut;
	uint64_t now_ns; /* at the start of the pass */
	uint64_t next_ns; /* when the next pass is due; 0 = at once */
	bool backlog; /* bytes waited for the limit in this pass */
};

/* relay_count.c */
static inline void relay_add(_Atomic uint64_t *counter, uint64_t n)
{
	/* One writer: no locked instruction is needed. */
	atomic_store_explicit(
		counter,
		atomic_load_explicit(counter, memory_order_relaxed) + n,
		memory_order_release);
}
void relay_count_flow(struct relay_flow_count *c, uint64_t bytes,
		      uint64_t now_ns);
void relay_count_read(const struct relay_flow_count *c,
		      struct relay_flow *ret_flow);
struct relay_count *relay_count_new(struct relay *r);
void relay_count_exit(struct relay *r);

/* relay_lane.c */
/* The next pass is due at @ns at the latest. */
static inline void relay_due(struct relay *r, uint64_t ns)
{
	if (ns < r->next_ns)
		r->next_ns = ns;
}
int relay_lane_init(struct relay_lane *lane, struct relay_end *from,
		    struct relay_end *to);
void relay_lane_exit(struct relay *r, struct relay_lane *lane);
/* Moves what can be moved now, within one turn's share. */
void relay_lane_pump(struct relay *r, struct relay_lane *lane);
bool relay_lane_is_empty(const struct relay_lane *lane);

/* relay_connection.c */
int relay_connection_open(struct relay *r, int near_fd);
/* One turn; its phase is RELAY_CLOSED once it is to be freed. */
void relay_connection_turn(struct relay *r, struct relay_connection_state *c);
void relay_connection_lose(struct relay *r, struct relay_connection_state *c,
			   int error);
void relay_connection_free(struct relay *r, struct relay_connection_state *c);
/* Makes a socket's close a reset, where it knows such a thing. */
void relay_reset_on_close(int fd);

/* relay_loop.c */
void *relay_loop(void *relay);

#endif
