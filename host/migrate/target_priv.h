/* SPDX-License-Identifier: MIT */
/* A target, as its files see it: target.c (order of records), receive.c. */
#ifndef VMFERRY_MIGRATE_TARGET_PRIV_H
#define VMFERRY_MIGRATE_TARGET_PRIV_H

#include "migrate/intake.h"
#include "migrate/memory.h"
#include "migrate/pools.h"
#include "migrate/progress.h"
#include "migrate/receivers.h"

/* What may come next. */
enum target_stage {
	STAGE_HELLO,
	STAGE_BETWEEN, /* rounds */
	STAGE_ROUND,
	STAGE_FINAL, /* the last round */
	STAGE_STATE,
	STAGE_GO,
	STAGE_END,
};

/* The devices' own data; see target_devices.c. */
struct target_devices {
	unsigned int nr;
	uint64_t got_bytes[MIGRATE_MAX_DEVICES];
	bool whole[MIGRATE_MAX_DEVICES];
	uint8_t *data; /* WIRE_MAX_DEVICE_BYTES, on the way */
};

struct migrate_target {
	const struct migrate_vm_ops *ops;
	void *vm;
	struct memory memory; /* the bitmaps: pages written so far */
	pthread_mutex_t memory_lock; /* for the bitmaps: several channels */
	struct intake in; /* the first connection */
	struct migrate_channels channels;
	struct receivers receivers; /* the others */
	struct migrate_compress compress;
	struct pools pools; /* unpack what the source packed */
	enum wire_kind packed; /* what it may send; WIRE_RAW = nothing */
	struct progress progress;
	struct error err;
	enum target_stage stage;
	bool autostart;
	bool announced; /* once is enough */
	uint32_t handed; /* regions that are the source's until go */
	struct target_devices devices;
};

/* The machine's state: reads, checks, loads. */
int target_receive_state(struct migrate_target *tgt,
			 const struct wire_header *h);
/* What it announces before: reads, checks, prepares. */
int target_receive_announcement(struct migrate_target *tgt,
				const struct wire_header *h);

int target_devices_init(struct migrate_target *tgt);
void target_devices_exit(struct migrate_target *tgt);
/* One record: reads, checks, has the device take it. */
int target_receive_device(struct migrate_target *tgt,
			  const struct wire_header *h);
/* The state comes: they must have all of theirs. */
int target_devices_whole(struct migrate_target *tgt);

#endif
