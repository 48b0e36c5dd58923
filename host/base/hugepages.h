/* SPDX-License-Identifier: MIT */
/* The kernel's pools of huge pages, and what to do when one is too small. */
#ifndef VMFERRY_BASE_HUGEPAGES_H
#define VMFERRY_BASE_HUGEPAGES_H

#include <stdint.h>

struct hugepages {
	uint64_t nr; /* in the pool, surplus pages included */
	uint64_t nr_free; /* of these */
	uint64_t nr_reserved; /* of the free ones: promised to a mapping */
	uint64_t nr_surplus; /* beyond the size that was asked for */
};

/**
 * hugepages_read() - the pool of pages of @page_bytes.
 *
 * Return: 0, or -errno: -ENOENT if this kernel has no such pages.
 * Source: Documentation/admin-guide/mm/hugetlbpage.rst.
 */
int hugepages_read(uint64_t page_bytes, struct hugepages *ret);

#define HUGEPAGES_TEXT_BYTES 160u

/**
 * hugepages_remedy() - what to type so that @nr_pages could be had now.
 * @nr_pages: wanted beside all that is in use or promised.
 * @text: HUGEPAGES_TEXT_BYTES.
 *
 * Return: @text: "120 more 2 MiB pages: sysctl vm.nr_hugepages=160".
 */
const char *hugepages_remedy(uint64_t page_bytes, uint64_t nr_pages,
			     char *text);

/* Pure: the same for a pool that looks like @pool. */
const char *hugepages_remedy_for(const struct hugepages *pool,
				 uint64_t page_bytes, uint64_t nr_pages,
				 char *text);

#endif
