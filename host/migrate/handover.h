/* SPDX-License-Identifier: MIT */
/*
 * RAM that is handed over: the live update of a VMM. Instead of pages the
 * target gets descriptors, while the guest still runs, and maps them for
 * reading; then the source pauses and sends what has no descriptor, and the
 * machine's state. `go` hands the memory over.
 */
#ifndef VMFERRY_MIGRATE_HANDOVER_H
#define VMFERRY_MIGRATE_HANDOVER_H

#include <stdint.h>

struct intake;
struct migrate_source;
struct migrate_target;
struct wire_header;

/* Source: in the place of pre-copy. 0 when the target has mapped it all. */
int source_hand_over(struct migrate_source *src);
/* Source, paused: what the last round must carry: all that was not handed. */
void source_collect_unhanded(struct migrate_source *src);

/* Target: a MEMORY record. */
int target_on_memory(struct migrate_target *tgt, const struct wire_header *h);
/* Target: do pages come for memory that is the source's still? -EPROTO. */
int target_check_runs(const struct intake *in, unsigned int nr_runs);
/* Target, go was heard. */
int target_take(struct migrate_target *tgt);

#endif
