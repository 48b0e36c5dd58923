/* SPDX-License-Identifier: MIT */
/*
 * Real damage to a paused guest's working set, to prove that the verifier
 * finds what is wrong, names it right and invents nothing.
 */
#ifndef VMFERRY_DRIVE_SABOTAGE_H
#define VMFERRY_DRIVE_SABOTAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "drive/findings.h"
#include "drive/guest_view.h"
#include "drive/ram.h"

enum sabotage_kind {
	/* Inside the source VMM, not done here: bits of the last dirty log
	 * are dropped; of any, or of what its devices logged. */
	SABOTAGE_SKIP_DIRTY,
	SABOTAGE_SKIP_DMA_DIRTY,
	SABOTAGE_FLIP, /* one bit */
	SABOTAGE_ZERO,
	SABOTAGE_MISPLACE, /* another page's content, copied over */
	SABOTAGE_TEAR, /* the last write, half undone */
	SABOTAGE_STALE, /* an earlier visit's content */
	SABOTAGE_DROP_NESTED, /* as SKIP_DIRTY: the nested state; no pages */
	SABOTAGE_NR_KINDS,
};

struct sabotage_params {
	enum sabotage_kind kind;
	uint64_t count; /* pages, at least 1 */
	uint64_t seed; /* chooses the pages and the damage */
};

/**
 * sabotage_parse() - "KIND" or "KIND:COUNT".
 * @ret: kind and count (default 1) are written on success, the seed never.
 *
 * Return: 0, or -EINVAL with a sentence that lists the kinds.
 */
int sabotage_parse(const char *text, struct sabotage_params *ret,
		   struct error *err);

/* Does the source's engine do it? */
static inline bool sabotage_is_engine(enum sabotage_kind kind)
{
	return kind == SABOTAGE_SKIP_DIRTY || kind == SABOTAGE_SKIP_DMA_DIRTY;
}

/* What the source's engine is told of it. */
json_t *sabotage_engine_parameter(const struct sabotage_params *params);

/* Is it done inside the source VMM, not from outside? */
bool sabotage_is_inside(enum sabotage_kind kind);

/* As it is written after --sabotage. */
const char *sabotage_kind_name(enum sabotage_kind kind);
/* What the verifier must call it. */
enum oracle_class sabotage_class(enum sabotage_kind kind);

/* What was done. */
struct sabotage_result {
	enum oracle_class wanted;
	struct findings pages; /* sorted; kind is the class wanted */
};

#define SABOTAGE_RESULT_INIT                                                   \
	{                                                                      \
		ORACLE_OK, FINDINGS_INIT                                       \
	}

void sabotage_result_exit(struct sabotage_result *result);

/**
 * sabotage_apply() - damage exactly @params->count distinct pages.
 * @view: of the guest, which must be paused and stay so; with an epoch.
 * @ret: SABOTAGE_RESULT_INIT or exited before; sabotage_result_exit() after
 *	success and after -ENOSPC; untouched on other failures.
 *
 * Only pages that are right now, that are not in flight, where the damage
 * changes bytes and where oracle_classify() gives it the wanted name: some
 * damage has none of its own (content=zero: an older visit that was all zero).
 *
 * Return: 0; -EINVAL for what the engine does, a count of 0 or no epoch;
 * -ENOSPC if fewer pages of the working set qualify: all that do are then
 * damaged and listed; or what ram_read() and ram_write() said.
 */
int sabotage_apply(const struct ram *ram, const struct guest_view *view,
		   const struct sabotage_params *params,
		   struct sabotage_result *ret, struct error *err);

/* How well the findings tell what was done. */
struct sabotage_score {
	uint64_t found; /* the right page under the right class */
	struct findings wrong_class; /* the right page, as it was found */
	struct findings missed; /* as wanted */
	struct findings invented; /* nobody damaged these */
};

/**
 * sabotage_score() - compare what was done with what was found.
 * @findings: sorted.
 * @ret: sabotage_score_exit() on success, untouched on failure.
 *
 * Return: 0 or -ENOMEM.
 */
int sabotage_score(const struct sabotage_result *result,
		   const struct findings *findings, struct sabotage_score *ret);
void sabotage_score_exit(struct sabotage_score *score);

#endif
