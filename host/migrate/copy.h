/* SPDX-License-Identifier: MIT */
/*
 * Reading memory that a running guest may be writing.
 *
 * Such a read may see a mix of old and new bytes; the page is then dirty and
 * is read again later. This is the one race that the engine has by design, so
 * it goes through here, where a race detector does not look.
 */
#ifndef VMFERRY_MIGRATE_COPY_H
#define VMFERRY_MIGRATE_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline void copy_racy(void *to, const void *from, size_t bytes)
{
	__asm__ volatile("rep movsb"
			 : "+D"(to), "+S"(from), "+c"(bytes)
			 :
			 : "memory");
}

typedef uint64_t copy_block __attribute__((vector_size(64), may_alias));

/*
 * Is the 4096-byte page at @page all zero? Stops at the first 64 bytes that
 * are not: a page in use costs one cache line.
 */
static inline __attribute__((no_sanitize("thread"))) bool
page_is_zero(const void *page)
{
	const copy_block *at = page;
	const copy_block *end = at + 4096 / sizeof(*at);

	for (; at < end; at += 2) {
		copy_block or = at[0] | at[1];

		if (or [0] | or [1] | or [2] | or [3] | or [4] | or [5] |
		    or [6] | or [7])
			return false;
	}
	return true;
}

#endif
