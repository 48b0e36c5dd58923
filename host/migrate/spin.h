/* SPDX-License-Identifier: MIT */
/* Whether to spin before sleeping. */
#ifndef VMFERRY_MIGRATE_SPIN_H
#define VMFERRY_MIGRATE_SPIN_H

#include <stdbool.h>
#include <stdint.h>

/*
 * To spin is worth while if what is waited for takes no longer, and that is
 * known by trying: who spun in vain leaves it the next times, twice as often
 * each time. A page takes some microseconds to pack or a hundred.
 */
struct spin {
	unsigned int skip, skips;
};

#define SPIN_MAX_SKIPS 64u

/* Is it worth trying, for up to @spin_ns? If so, spin_end() says how it went. */
static inline bool spin_begin(struct spin *s, uint64_t spin_ns)
{
	if (!spin_ns)
		return false;
	if (!s->skips)
		return true;
	s->skips--;
	return false;
}

static inline void spin_end(struct spin *s, bool in_vain)
{
	if (!in_vain)
		s->skip = 0;
	else if (s->skip < SPIN_MAX_SKIPS)
		s->skip = s->skip ? s->skip * 2 : 1;
	s->skips = s->skip;
}

#endif
