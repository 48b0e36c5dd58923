/* SPDX-License-Identifier: MIT */
/* The relay's counters: one writer, any number of readers, no lock. */
#include <errno.h>
#include <stdlib.h>

#include "drive/relay_internal.h"

#define PER_BLOCK                                                              \
	(sizeof(((struct relay_count_block *)0)->count) /                      \
	 sizeof(struct relay_count))

void relay_count_flow(struct relay_flow_count *c, uint64_t bytes,
		      uint64_t now_ns)
{
	if (!atomic_load_explicit(&c->first_ns, memory_order_relaxed))
		atomic_store_explicit(&c->first_ns, now_ns,
				      memory_order_relaxed);
	atomic_store_explicit(&c->last_ns, now_ns, memory_order_relaxed);
	/* Last: who sees the bytes also sees their times. */
	relay_add(&c->bytes, bytes);
}

void relay_count_read(const struct relay_flow_count *c,
		      struct relay_flow *ret_flow)
{
	ret_flow->bytes = atomic_load_explicit(&c->bytes, memory_order_acquire);
	ret_flow->first_ns = c->first_ns;
	ret_flow->last_ns = c->last_ns;
}

struct relay_count *relay_count_new(struct relay *r)
{
	unsigned int slot = r->nr_connections % PER_BLOCK;
	struct relay_count_block *block;

	if (!slot && r->nr_connections) {
		block = calloc(1, sizeof(*block));
		if (!block)
			return NULL;
		r->last_counts->next = block;
		r->last_counts = block;
	}
	return &r->last_counts->count[slot];
}

void relay_count_exit(struct relay *r)
{
	struct relay_count_block *block = r->counts.next, *next;

	for (; block; block = next) {
		next = block->next;
		free(block);
	}
}

void relay_stats(struct relay *r, struct relay_stats *ret_stats)
{
	ret_stats->nr_connections = r->nr_connections;
	ret_stats->nr_open = r->nr_open;
	ret_stats->nr_unreached = r->nr_unreached;
	ret_stats->buffered_bytes = r->buffered;
	ret_stats->cut_ns = r->cut_ns;
	relay_count_read(&r->forward, &ret_stats->forward);
	relay_count_read(&r->backward, &ret_stats->backward);
}

int relay_connection(struct relay *r, unsigned int index,
		     struct relay_connection *ret_connection)
{
	const struct relay_count_block *block = &r->counts;
	const struct relay_count *c;

	/* Counted only after its block was linked. */
	if (index >= r->nr_connections)
		return -ENOENT;
	for (; index >= PER_BLOCK; index -= PER_BLOCK)
		block = block->next;
	c = &block->count[index];
	ret_connection->closed_ns = c->closed_ns;
	ret_connection->opened_ns = c->opened_ns;
	ret_connection->error = c->error;
	ret_connection->forward_unacked_bytes = c->unacked[0];
	ret_connection->backward_unacked_bytes = c->unacked[1];
	relay_count_read(&c->forward, &ret_connection->forward);
	relay_count_read(&c->backward, &ret_connection->backward);
	return 0;
}
