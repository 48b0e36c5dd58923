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

#include <stddef.h>
#include <stdint.h>

static inline void copy_racy(void *to, const void *from, size_t bytes)
{
	__asm__ volatile("rep movsb"
			 : "+D"(to), "+S"(from), "+c"(bytes)
			 :
			 : "memory");
}

#endif
