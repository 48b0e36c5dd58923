/* SPDX-License-Identifier: MIT */
/* A list of chunks, each with the time of its youngest byte. */
#include "drive/relay_queue.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"

#define SHARE_NS (100 * NSEC_PER_USEC)

struct relay_chunk {
	struct relay_chunk *next;
	uint64_t first_ns, last_ns;
	size_t begin, end;
	char data[RELAY_CHUNK_BYTES];
};

static int append_chunk(struct relay_queue *q, uint64_t now_ns)
{
	struct relay_chunk *c = malloc(sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->next = NULL;
	c->first_ns = c->last_ns = now_ns;
	c->begin = c->end = 0;
	if (q->tail)
		q->tail->next = c;
	else
		q->head = c;
	q->tail = c;
	q->held_bytes += sizeof(*c);
	return 0;
}

int relay_queue_room(struct relay_queue *q, uint64_t now_ns, void **ret_room,
		     size_t *ret_bytes)
{
	struct relay_chunk *c = q->tail;
	int rc;

	if (c && c->begin == c->end) {
		c->begin = c->end = 0;
		c->first_ns = now_ns;
	}
	if (!c || c->end == RELAY_CHUNK_BYTES ||
	    now_ns - c->first_ns > SHARE_NS) {
		rc = append_chunk(q, now_ns);
		if (rc)
			return rc;
		c = q->tail;
	}
	*ret_room = c->data + c->end;
	*ret_bytes = RELAY_CHUNK_BYTES - c->end;
	return 0;
}

void relay_queue_put(struct relay_queue *q, size_t bytes, uint64_t now_ns)
{
	q->tail->end += bytes;
	q->tail->last_ns = now_ns;
	q->bytes += bytes;
}

static void drop_head(struct relay_queue *q)
{
	struct relay_chunk *c = q->head;

	q->head = c->next;
	if (!q->head)
		q->tail = NULL;
	q->held_bytes -= sizeof(*c);
	free(c);
}

size_t relay_queue_front(const struct relay_queue *q, const void **ret_data,
			 uint64_t *ret_arrival_ns)
{
	const struct relay_chunk *c = q->head;

	if (!q->bytes)
		return 0;
	*ret_data = c->data + c->begin;
	*ret_arrival_ns = c->last_ns;
	return c->end - c->begin;
}

void relay_queue_consume(struct relay_queue *q, size_t bytes)
{
	q->head->begin += bytes;
	q->bytes -= bytes;
	while (q->head && q->head->begin == q->head->end)
		drop_head(q);
}

void relay_queue_exit(struct relay_queue *q)
{
	while (q->head)
		drop_head(q);
	q->bytes = 0;
}
