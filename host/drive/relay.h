/* SPDX-License-Identifier: MIT */
/*
 * A relay between a source and a target of a migration: it counts the bytes of
 * every connection, and impairs the link when told to.
 *
 * It listens on one address and connects to another for each connection that
 * it accepts, in the order of accepting and one at a time. One thread moves
 * the bytes of all by splice(2). The forward direction is from who connected
 * to the relay. Ends and errors are passed on: the end of a direction as one
 * (shutdown), a lost peer as a reset where the socket has such a thing (TCP; a
 * UNIX peer reads ECONNRESET if it sent something that nobody took, else it
 * reads the end and writes EPIPE). Bytes that were taken before a loss are
 * delivered first, unless the other side takes none of them for a second.
 *
 * Descriptors passed over UNIX sockets are not relayed.
 */
#ifndef VMFERRY_DRIVE_RELAY_H
#define VMFERRY_DRIVE_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct relay;

struct relay_params {
	const char *listen; /* unix:PATH or tcp:HOST:PORT, port 0 = any */
	const char *target; /* unix:PATH or tcp:HOST:PORT */
	/* Forward, over all connections; 0 = no limit, at most 64 GiB/s. */
	uint64_t rate_bytes_per_s;
	/* Of every byte and end, in both directions; 0 = none. */
	uint64_t delay_ns;
	/* What a delayed direction of a connection may hold; 0 = 1.25 times
	 * rate x delay, or 64 MiB without a rate. It bounds the throughput
	 * to itself / delay. */
	uint64_t delay_buffer_bytes;
	/* Forward bytes, over all connections, after which the link is cut;
	 * 0 = never. */
	uint64_t cut_after_bytes;
	uint64_t connect_timeout_ns; /* 0 = 10 s */
};

/* Times: CLOCK_MONOTONIC, 0 = never. */
struct relay_flow {
	uint64_t bytes; /* that the far side's kernel accepted */
	uint64_t first_ns, last_ns; /* when it accepted the first and last */
};

struct relay_connection {
	uint64_t opened_ns; /* accepted */
	uint64_t closed_ns; /* both sides are closed */
	int error; /* 0, or the -errno that ended it (-ECONNABORTED: cut) */
	struct relay_flow forward, backward;
	/* TCP only, after a loss: those of .bytes that the far kernel had not
	 * acknowledged when its connection ended, and so may not have. */
	uint64_t forward_unacked_bytes, backward_unacked_bytes;
};

struct relay_stats {
	unsigned int nr_connections; /* accepted so far */
	unsigned int nr_open;
	unsigned int nr_unreached; /* the target did not take the connection */
	struct relay_flow forward, backward; /* over all connections */
	uint64_t buffered_bytes; /* inside the relay now */
	uint64_t cut_ns; /* when the link was cut */
};

/**
 * relay_create() - start to relay.
 * @params: copied.
 * @err: may be NULL.
 *
 * The target need not listen yet: it is connected to when somebody connects.
 * Return: 0, -EINVAL for an address that is none, or what listening gave.
 */
int relay_create(const struct relay_params *params, struct relay **ret_relay,
		 struct error *err);

/* Closes all connections (those under way are reset), joins the thread,
 * removes the socket file, frees. NULL is fine. */
void relay_destroy(struct relay *relay);

/* What to connect to: params.listen with port 0 resolved. Lives as @relay. */
const char *relay_address(const struct relay *relay);

/*
 * What follows may be called from any thread at any time until
 * relay_destroy(). Readers take no lock and hold up no byte; each figure is
 * exact, two figures may be of different moments while bytes flow.
 */
void relay_stats(struct relay *relay, struct relay_stats *ret_stats);

/**
 * relay_connection() - the counts of one connection, also after its end.
 * @index: in the order of accepting, below relay_stats.nr_connections.
 *
 * Return: 0 or -ENOENT.
 */
int relay_connection(struct relay *relay, unsigned int index,
		     struct relay_connection *ret_connection);

/* Changes the limit, from now on; 0 = none. */
void relay_set_rate(struct relay *relay, uint64_t rate_bytes_per_s);

/* Changes the delay, also of bytes that are on their way. */
void relay_set_delay(struct relay *relay, uint64_t delay_ns);

/* Nothing passes, in neither direction and no end either, for @duration_ns
 * from now; UINT64_MAX = until the next call; 0 ends a stall. */
void relay_stall(struct relay *relay, uint64_t duration_ns);

/**
 * relay_cut() - cut the link for good, now.
 *
 * Every byte that was counted arrives; both sides of all connections are then
 * reset, and so is each later connection. Takes effect within a millisecond
 * of the relay thread's running; relay_stats.cut_ns tells when it did. A
 * stall does not put it off.
 */
void relay_cut(struct relay *relay);

/* The same once the forward byte @forward_bytes of relay_stats.forward is
 * through: exactly that many arrive. Now if more have passed already. */
void relay_cut_after(struct relay *relay, uint64_t forward_bytes);

#endif
