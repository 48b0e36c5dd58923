/* SPDX-License-Identifier: MIT */
/* Which of Microsoft's enlightenments a machine has: names and choices. */
#ifndef VMFERRY_BASE_HYPERV_H
#define VMFERRY_BASE_HYPERV_H

#include <stdint.h>

#include "base/error.h"

enum hyperv_mode {
	HYPERV_OFF,
	HYPERV_KVM, /* KVM serves them */
	HYPERV_USER, /* the mini VMM does */
};

enum hyperv_feature {
	HYPERV_RELAXED,
	HYPERV_VAPIC,
	HYPERV_VPINDEX,
	HYPERV_RUNTIME,
	HYPERV_TIME,
	HYPERV_FREQUENCIES,
	HYPERV_SYNIC,
	HYPERV_STIMER,
	HYPERV_STIMER_DIRECT,
	HYPERV_IPI,
	HYPERV_TLBFLUSH,
	/* KVM only, from here on. */
	HYPERV_RESET,
	HYPERV_CRASH,
	HYPERV_REENLIGHTENMENT,
	HYPERV_XMM_INPUT,
	HYPERV_TLBFLUSH_EXT,
	HYPERV_EVMCS,
	HYPERV_EMSR_BITMAP,
	HYPERV_TLBFLUSH_DIRECT,
	HYPERV_NR_FEATURES,
};

#define HYPERV_BIT(feature) (1u << (feature))
/* What the mini VMM itself can serve. */
#define HYPERV_USER_FEATURES (HYPERV_BIT(HYPERV_RESET) - 1)

enum hyperv_wish { HYPERV_AUTO, HYPERV_ON, HYPERV_NOT };

struct hyperv_choice {
	unsigned int mode; /* enum hyperv_mode */
	unsigned int wish[HYPERV_NR_FEATURES]; /* enum hyperv_wish */
	/* Served wrongly on purpose: a name of hyperv_break_names, or NULL. */
	const char *broken;
};

/* "off", "kvm", "user"; then NULL. */
extern const char *const hyperv_mode_names[];
/* In the order of enum hyperv_wish: "auto", "on", "off"; then NULL. */
extern const char *const hyperv_wish_names[];
/* QEMU's, without "hv-". */
extern const char *const hyperv_feature_names[HYPERV_NR_FEATURES];
/* What --hv-break takes: the guest's checks (hv_checks.h); then NULL. */
extern const char *const hyperv_break_names[];

/**
 * hyperv_resolve() - which features a machine shall have.
 * @ret_wanted: bits: asked for, or not refused, and to be had in this mode.
 *	What is refused takes along what depends on it.
 * @ret_must: bits: those that were asked for by name; may be NULL.
 *
 * Return: 0; -EINVAL with a sentence: a feature without what it needs or that
 * this mode has not, a name that is none, or anything at all with HYPERV_OFF.
 */
int hyperv_resolve(const struct hyperv_choice *choice, uint32_t *ret_wanted,
		   uint32_t *ret_must, struct error *err);

/* Place of @name in hyperv_break_names, from 1; 0 = NULL or unknown. */
unsigned int hyperv_break_number(const char *name);

#endif
