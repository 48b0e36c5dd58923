/* SPDX-License-Identifier: MIT */
/* A target, as its files see it: target.c (order of records), receive.c. */
#ifndef VMFERRY_MIGRATE_TARGET_PRIV_H
#define VMFERRY_MIGRATE_TARGET_PRIV_H

#include "migrate/memory.h"
#include "migrate/peer.h"
#include "migrate/progress.h"

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

struct migrate_target {
	const struct migrate_vm_ops *ops;
	void *vm;
	struct memory memory; /* the bitmaps: pages written so far */
	struct peer peer;
	struct progress progress;
	struct error err;
	enum target_stage stage;
	bool autostart;
	struct wire_round round; /* the current one, as far as received */
	struct wire_run runs[WIRE_MAX_RUNS];
	struct iovec iov[WIRE_MAX_RUNS];
};

/* One batch: checks the table @h announced, then reads into guest memory. */
int target_receive_batch(struct migrate_target *tgt,
			 const struct wire_header *h);

/* The machine's state: reads, checks, loads. */
int target_receive_state(struct migrate_target *tgt,
			 const struct wire_header *h);

#endif
