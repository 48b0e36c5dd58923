/* SPDX-License-Identifier: MIT */
/*
 * Is a page all zero? The fastest way that this CPU has, chosen at run time.
 *
 * All ways stop at the first 64 bytes that are not zero, so that a page in use
 * costs one cache line. The guest may be writing the page: see copy.h.
 */
#ifndef VMFERRY_MIGRATE_ZERO_H
#define VMFERRY_MIGRATE_ZERO_H

#include <stdbool.h>
#include <stddef.h>

/* @page: 4096 bytes, aligned to 64. */
typedef bool (*zero_page_fn)(const void *page);

struct zero_variant {
	const char *name; /* "avx512", "avx2", "portable" */
	zero_page_fn is_zero;
	bool (*supported)(void); /* by this CPU */
};

/* The fastest first; the last one works everywhere. */
extern const struct zero_variant zero_variants[];
extern const size_t zero_nr_variants;

/* The first that this CPU supports. */
const struct zero_variant *zero_best(void);

#endif
