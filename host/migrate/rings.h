/* SPDX-License-Identifier: MIT */
/*
 * Two rings between threads, of fixed size, without locks: requests go through
 * one with a single producer and a single consumer, results through one with
 * many producers.
 *
 * Positions are free-running 32-bit counters; an entry is at position & mask.
 * They may wrap around: only differences are looked at, and a ring is far
 * smaller than 2^31.
 *
 * Who is about to sleep says so and then looks at the ring once more; who has
 * written into it then looks whether somebody sleeps. One of the two must see
 * the other, which takes sequential consistency: acquire and release alone let
 * both read the old value. So the stores and loads that take part in that are
 * seq_cst, and told apart below; all others are as weak as they can be.
 */
#ifndef VMFERRY_MIGRATE_RINGS_H
#define VMFERRY_MIGRATE_RINGS_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "migrate/compress.h"

/* Whoever writes one has a cache line for it: two at a time are fetched. */
#define RING_APART 128

static inline bool ring_capacity_valid(unsigned int capacity)
{
	return capacity && capacity <= 1u << 30 && !(capacity & (capacity - 1));
}

/* ---- one producer, one consumer: requests -------------------------------- */

struct request {
	struct compress_job job;
	unsigned int buffer;
};

struct request_ring {
	/* The consumer's. */
	alignas(RING_APART) _Atomic uint32_t head; /* next to be taken */
	uint32_t tail_seen;
	/* The producer's. */
	alignas(RING_APART) _Atomic uint32_t tail; /* next to be written */
	uint32_t head_seen;
	/* Of both, and never written. */
	alignas(RING_APART) uint32_t capacity;
	struct request *entry;
};

/* 0 or -ENOMEM. @capacity: a power of two. */
int request_ring_init(struct request_ring *r, unsigned int capacity);
void request_ring_exit(struct request_ring *r);

/* Context: the producer. */
static inline bool request_ring_has_room(struct request_ring *r)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (tail - r->head_seen < r->capacity)
		return true;
	/* Acquire: the consumer has read the entry before it said so (release
	 * in request_ring_take()); it may be overwritten now. */
	r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
	return tail - r->head_seen < r->capacity;
}

/* Not yet taken; has_room() afterwards is true if there are fewer than
 * capacity. Context: the producer. */
static inline uint32_t request_ring_count(struct request_ring *r)
{
	r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
	return atomic_load_explicit(&r->tail, memory_order_relaxed) -
	       r->head_seen;
}

/* There is room. Context: the producer. */
static inline void request_ring_put(struct request_ring *r,
				    const struct request *request)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	r->entry[tail & (r->capacity - 1)] = *request;
	/* Releases the entry; seq_cst, since the producer looks next whether
	 * the consumer sleeps. */
	atomic_store_explicit(&r->tail, tail + 1, memory_order_seq_cst);
}

/* Context: the consumer; as the last look before it sleeps. */
static inline bool request_ring_empty(struct request_ring *r)
{
	r->tail_seen = atomic_load_explicit(&r->tail, memory_order_seq_cst);
	return r->tail_seen ==
	       atomic_load_explicit(&r->head, memory_order_relaxed);
}

/* False: empty. Context: the consumer. */
static inline bool request_ring_take(struct request_ring *r,
				     struct request *ret)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	if (head == r->tail_seen) {
		/* Acquire: the entry was written before. */
		r->tail_seen =
			atomic_load_explicit(&r->tail, memory_order_acquire);
		if (head == r->tail_seen)
			return false;
	}
	*ret = r->entry[head & (r->capacity - 1)];
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
	return true;
}

/* ---- many producers, one consumer: results ------------------------------- */

struct result_entry {
	/* Position + 1 once the result of that position is there. */
	alignas(RING_APART) _Atomic uint32_t turn;
	struct compress_result result;
};

/*
 * Never full, as its owner sees to it: no more requests are under way than
 * there are entries. So a producer needs a place and no permission, and what
 * the consumer has read it has no need to tell: that the next round's producer
 * may overwrite it follows from the consumer's having submitted (released)
 * that request after it read the entry.
 */
struct result_ring {
	alignas(RING_APART) _Atomic uint32_t tickets; /* places given out */
	alignas(RING_APART) uint32_t head; /* the consumer's */
	alignas(RING_APART) uint32_t capacity;
	struct result_entry *entry;
};

/* 0 or -ENOMEM. @capacity: a power of two. */
int result_ring_init(struct result_ring *r, unsigned int capacity);
void result_ring_exit(struct result_ring *r);

/* Return: how many results have been given a place until now, this one
 * included. Context: any producer. */
static inline uint32_t result_ring_put(struct result_ring *r,
				       const struct compress_result *result)
{
	/* seq_cst: the producer looks next whether the consumer sleeps. */
	uint32_t at =
		atomic_fetch_add_explicit(&r->tickets, 1, memory_order_seq_cst);
	struct result_entry *e = &r->entry[at & (r->capacity - 1)];

	e->result = *result;
	atomic_store_explicit(&e->turn, at + 1, memory_order_release);
	return at + 1;
}

/*
 * False: nothing is there yet. That is so too while the producer of the next
 * one is between its two steps; others behind it have to wait then, which is as
 * long as it takes to copy a result, unless that thread is preempted.
 * Context: the consumer.
 */
static inline bool result_ring_take(struct result_ring *r,
				    struct compress_result *ret)
{
	struct result_entry *e = &r->entry[r->head & (r->capacity - 1)];

	if (atomic_load_explicit(&e->turn, memory_order_acquire) != r->head + 1)
		return false;
	*ret = e->result;
	r->head++;
	return true;
}

/* Context: the consumer; as the last look before it sleeps. */
static inline uint32_t result_ring_tickets(struct result_ring *r)
{
	return atomic_load_explicit(&r->tickets, memory_order_seq_cst);
}

#endif
