/* SPDX-License-Identifier: MIT */
/* Pools of huge pages, from sysfs. */
#include "base/hugepages.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/procfile.h"
#include "base/units.h"

#define ROOT "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/"
/* Those that `sysctl vm.nr_hugepages` is about on x86-64, unless the kernel's
 * command line says otherwise. */
#define DEFAULT_BYTES (2ull << 20)

static int read_one(uint64_t page_bytes, const char *name, uint64_t *ret)
{
	char path[128];

	snprintf(path, sizeof(path), ROOT "%s", page_bytes >> 10, name);
	return procfile_read_u64(path, ret);
}

int hugepages_read(uint64_t page_bytes, struct hugepages *ret)
{
	struct hugepages got;
	int rc = read_one(page_bytes, "nr_hugepages", &got.nr);

	if (!rc)
		rc = read_one(page_bytes, "free_hugepages", &got.nr_free);
	if (!rc)
		rc = read_one(page_bytes, "resv_hugepages", &got.nr_reserved);
	if (!rc)
		rc = read_one(page_bytes, "surplus_hugepages", &got.nr_surplus);
	if (!rc)
		*ret = got;
	return rc;
}

const char *hugepages_remedy_for(const struct hugepages *pool,
				 uint64_t page_bytes, uint64_t nr_pages,
				 char *text)
{
	uint64_t open = pool->nr_free > pool->nr_reserved
				? pool->nr_free - pool->nr_reserved
				: 0;
	/* Another user may have given some back since. */
	uint64_t more = nr_pages > open ? nr_pages - open : 1;
	uint64_t total = pool->nr - pool->nr_surplus + more;
	char size[UNITS_TEXT_BYTES];
	const char *plural = more == 1 ? "" : "s";

	units_format_size(size, page_bytes);
	if (page_bytes == DEFAULT_BYTES)
		snprintf(text, HUGEPAGES_TEXT_BYTES,
			 "%" PRIu64 " more %s page%s: sysctl "
			 "vm.nr_hugepages=%" PRIu64,
			 more, size, plural, total);
	else
		snprintf(text, HUGEPAGES_TEXT_BYTES,
			 "%" PRIu64 " more %s page%s: echo %" PRIu64 " > " ROOT
			 "nr_hugepages",
			 more, size, plural, total, page_bytes >> 10);
	return text;
}

const char *hugepages_remedy(uint64_t page_bytes, uint64_t nr_pages, char *text)
{
	struct hugepages pool;
	char size[UNITS_TEXT_BYTES];

	if (!hugepages_read(page_bytes, &pool))
		return hugepages_remedy_for(&pool, page_bytes, nr_pages, text);
	snprintf(text, HUGEPAGES_TEXT_BYTES,
		 "this kernel has no %s pages: boot it with hugepagesz= and "
		 "hugepages=, or take another --page-size",
		 units_format_size(size, page_bytes));
	return text;
}
