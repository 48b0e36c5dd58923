/* SPDX-License-Identifier: MIT */
/* A source, as its files see it: source.c (life), switchover.c and
 * source_compress.c. */
#ifndef VMFERRY_MIGRATE_SOURCE_PRIV_H
#define VMFERRY_MIGRATE_SOURCE_PRIV_H

#include "migrate/lanes.h"
#include "migrate/limiter.h"
#include "migrate/memory.h"
#include "migrate/peer.h"
#include "migrate/pools.h"
#include "migrate/progress.h"
#include "migrate/send.h"

/* The devices' own data; see source_devices.c. */
struct source_devices {
	unsigned int nr;
	uint64_t sent_bytes[MIGRATE_MAX_DEVICES];
	uint8_t *data; /* WIRE_MAX_DEVICE_BYTES, on the way */
	struct limiter pace;
};

struct migrate_source {
	const struct migrate_vm_ops *ops;
	void *vm;
	struct memory memory; /* the bitmaps: dirty pages to send */
	struct peer peer;
	struct progress progress;
	struct feed feed;
	struct sender sender;
	struct migrate_channels channels;
	struct lanes lanes; /* all channels but the first */
	struct migrate_compress compress;
	struct pools pools; /* none = not compressed */
	struct compress_stats before; /* the round */
	struct error err;
	uint64_t sent_pages, sent_runs; /* of the round: adjacent ones */
	bool logging;
	bool paused; /* by us */
	uint64_t fixed_ns; /* for the policy */
	uint32_t handed; /* regions handed over by descriptor */
	struct source_devices devices;
};

/* Enters a phase; -ECANCELED if the migration is to end. */
int source_phase(struct migrate_source *src, enum migrate_phase phase);

/* The machine failed to do @what: a sentence; returns @rc. */
int source_blame_vm(struct migrate_source *src, int rc, const char *what);

/* One pass over the dirty pages. Not acknowledged if @final. */
int source_send_round(struct migrate_source *src, bool final);

/* The workers, if any, and the first channel's way through them. */
int source_set_up_compression(struct migrate_source *src);
/* Around the pages of a round: what the workers do in it. */
void source_compression_begin(struct migrate_source *src);
void source_compression_end(struct migrate_source *src);
/* What a dirty page will take on the wire: its own size, unless it is
 * compressed. */
uint64_t source_page_bytes(struct migrate_source *src,
			   const struct migrate_round *round);

/* The remaining pages may take so many times that: policy_sparser(). */
uint64_t source_sparser(const struct migrate_source *src);

/* ORs the log of all regions into the bitmaps. */
int source_fetch_dirty(struct migrate_source *src);

/* The devices' own data: room for it; given back by the second. */
int source_devices_init(struct migrate_source *src);
void source_devices_exit(struct migrate_source *src);
/* What they have to say at the moment, while the machine runs. */
int source_devices_precopy(struct migrate_source *src);
/* All that is left, paused; each one's last record. */
int source_devices_final(struct migrate_source *src);
/* Running: what is left, for the decision to stop. */
int source_devices_left(struct migrate_source *src,
			struct migrate_device_left *ret_left);

/* Pause, last pages, state; returns 0 when the target has said `ready`. */
int source_switchover(struct migrate_source *src);

/*
 * Says `go`. 0, or -EREMOTEIO from the moment it tried; anything else: it did
 * not try.
 */
int source_commit(struct migrate_source *src);

/*
 * Before go: the machine as it was. Return: @rc, why the migration has ended;
 * or what else has failed, if that was a cancellation.
 */
int source_undo(struct migrate_source *src, int rc);

#endif
