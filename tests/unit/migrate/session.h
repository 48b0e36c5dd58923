/* SPDX-License-Identifier: MIT */
/* A source and a target in one process, and a channel that can be cut. */
#ifndef VMFERRY_TESTS_SESSION_H
#define VMFERRY_TESTS_SESSION_H

#include "fake_vm.h"
#include "migrate/migrate.h"

#define NO_CUT UINT64_MAX
#define MAX_MARKS 4096

/* Passes on to another channel until so many bytes went through. */
struct cut_channel {
	struct channel base;
	struct channel *inner;
	uint64_t cut_out; /* total bytes written after which it breaks */
	uint64_t cut_in;
	bool silent; /* nothing comes within any time that one waits */
	bool eager; /* breaks at once there, not at the next write */
	uint64_t out, in;
	/* Where each write began: the boundaries of messages. */
	uint64_t mark[MAX_MARKS];
	unsigned int nr_marks;
	/* Everything written, if not NULL. */
	uint8_t *tape;
	size_t tape_room;
};

void cut_channel_init(struct cut_channel *cut, struct channel *inner);

struct session {
	struct fake_vm from, to;
	struct channel *a, *b; /* the memory channel */
	struct cut_channel cut; /* around a: what the source uses */
	struct migrate_params params;
	struct migrate_compress compress; /* codec 0 = none */
	const struct migrate_observer *source_observer;
	const struct migrate_observer *target_observer;
	struct migrate_source *source;
	struct migrate_target *target;
	bool no_autostart;
	int source_rc, target_rc;
	struct migrate_stats source_stats, target_stats;
};

/* Machines of @pages[] pages a region, the source filled from @seed. */
void session_init(struct session *s, const unsigned int *pages,
		  unsigned int nr_regions, uint64_t seed);
/* Over another pair of channels; takes them over. */
void session_use(struct session *s, struct channel *a, struct channel *b);
/* Creates the two ends; session_run() does it otherwise. */
void session_create(struct session *s);
/* Both ends, until both are done; then the statistics. */
void session_run(struct session *s);
void session_exit(struct session *s);

/* The rules that hold whatever happened. */
void session_check(const struct session *s);

#endif
