/* SPDX-License-Identifier: MIT */
/* One connection of the target: what takes pages from it into memory. */
#ifndef VMFERRY_MIGRATE_INTAKE_H
#define VMFERRY_MIGRATE_INTAKE_H

#include <sys/uio.h>

#include "migrate/peer.h"
#include "migrate/unpack.h"
#include "migrate/wire.h"

struct migrate_target;

struct intake {
	struct migrate_target *tgt;
	struct peer peer;
	struct wire_round round; /* the current one, as far as received here */
	struct wire_run runs[WIRE_MAX_RUNS];
	struct iovec iov[WIRE_MAX_RUNS];
	const uint8_t *packed[WIRE_MAX_RUNS]; /* of the runs that are */
	struct unpacker unpack;
};

/* One batch: checks the table @h announced, then reads into guest memory.
 * Several intakes at once are fine. */
int intake_batch(struct intake *in, const struct wire_header *h);

/* The round ends here: all of it is in guest memory when this returns. */
int intake_finish(struct intake *in);

#endif
