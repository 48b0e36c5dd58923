/* SPDX-License-Identifier: MIT */
/* The damage itself: what a page holds after each kind of sabotage. */
#ifndef VMFERRY_DRIVE_SABOTAGE_DAMAGE_H
#define VMFERRY_DRIVE_SABOTAGE_DAMAGE_H

#include <stdint.h>

#include "drive/expect.h"
#include "drive/sabotage.h"

/* One page that is about to be damaged. */
struct damage {
	const struct ram *ram;
	const struct expect *expect;
	uint64_t index;
	uint64_t gfn;
	uint64_t visit; /* its last */
	uint64_t random; /* state of the damage's own random numbers */
	uint8_t *page; /* its bytes, right as they are */
	uint8_t *wrong; /* made here: the bytes to write, 64-aligned */
	uint8_t *scratch; /* two pages, 64-aligned */
};

/**
 * damage_make() - fill in d->wrong.
 *
 * Tries until oracle_classify() names it sabotage_class(@kind).
 *
 * Return: 1 if it did; 0 if this page does not lend itself to it; -errno.
 */
int damage_make(struct damage *d, enum sabotage_kind kind);

#endif
