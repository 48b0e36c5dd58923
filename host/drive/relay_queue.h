/* SPDX-License-Identifier: MIT */
/* Bytes that wait for their time: the delay of a relayed link. */
#ifndef VMFERRY_DRIVE_RELAY_QUEUE_H
#define VMFERRY_DRIVE_RELAY_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#define RELAY_CHUNK_BYTES (64u * 1024)

struct relay_chunk;

/* Zeroed = empty. */
struct relay_queue {
	struct relay_chunk *head, *tail;
	size_t bytes; /* waiting */
	size_t held_bytes; /* memory, what bounds it */
};

/**
 * relay_queue_room() - where to put bytes that arrive at @now_ns.
 *
 * Bytes share a chunk only if they arrive within 100 us of its first, and then
 * are as old as the youngest of it: none is ever delivered early.
 *
 * Return: 0 or -ENOMEM.
 */
int relay_queue_room(struct relay_queue *q, uint64_t now_ns, void **ret_room,
		     size_t *ret_bytes);
/* @bytes were put into the room, at @now_ns. */
void relay_queue_put(struct relay_queue *q, size_t bytes, uint64_t now_ns);

/* The oldest bytes and when they came; 0 = none. */
size_t relay_queue_front(const struct relay_queue *q, const void **ret_data,
			 uint64_t *ret_arrival_ns);
void relay_queue_consume(struct relay_queue *q, size_t bytes);

void relay_queue_exit(struct relay_queue *q);

#endif
