/* SPDX-License-Identifier: MIT */
#include "tools/compress_memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/units.h"
#include "oracle.h"
#include "tools/interrupt.h"

/* Its fields about content; false: there is no such content. */
static bool parse(const char *text, struct oracle *o)
{
	uint64_t ratio = 1;

	if (!strcmp(text, "zero")) {
		o->content = ORACLE_CONTENT_ZERO;
	} else if (!strcmp(text, "random")) {
		o->content = ORACLE_CONTENT_RANDOM;
	} else if (!strcmp(text, "text")) {
		o->content = ORACLE_CONTENT_TEXT;
	} else {
		o->content = ORACLE_CONTENT_RATIO;
		if (strncmp(text, "r:", 2) ||
		    units_parse_u64(text + 2, 1, ORACLE_MAX_RATIO, &ratio))
			return false;
	}
	o->ratio = (uint32_t)ratio;
	return true;
}

int compress_memory_check(const char *content, struct error *err)
{
	struct oracle o;

	if (parse(content, &o))
		return 0;
	return error_set(err, -EINVAL,
			 "--content takes one of random, zero, text, r:1 to "
			 "r:%u, not '%s'",
			 ORACLE_MAX_RATIO, content);
}

static int fill(const struct oracle *o, uint8_t *memory)
{
	uint64_t page;

	for (page = 0; page < o->nr_pages; page++) {
		if (interrupt_pending())
			return -EINTR;
		/* The fill has no stamps in it: all zero is meant so. Mapped
		 * all the same, as a guest's RAM that was used. */
		if (o->content == ORACLE_CONTENT_ZERO)
			memset(memory + page * ABI_PAGE_BYTES, 0,
			       ABI_PAGE_BYTES);
		else
			oracle_page(o, page, 1, memory + page * ABI_PAGE_BYTES);
	}
	return 0;
}

int compress_memory_make(const char *content, uint64_t bytes, uint8_t **ret,
			 struct error *err)
{
	struct oracle o = {
		.seed = 1,
		.epoch = 1,
		.nr_vcpus = 1,
		.nr_orders = 1,
		.write = ORACLE_WRITE_PAGE,
		.nr_pages = bytes / ABI_PAGE_BYTES,
		.nr_ranges = 1,
		.range = { { 0, bytes / ABI_PAGE_BYTES } },
		.order = { { .pattern = ORACLE_SEQUENTIAL } },
	};
	void *memory;
	int rc;

	parse(content, &o);
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return error_set(err, -ENOMEM, "cannot map the memory: %s",
				 strerror(errno));
	rc = fill(&o, memory);
	if (rc)
		munmap(memory, bytes);
	else
		*ret = memory;
	return rc;
}

void compress_memory_free(uint8_t *memory, uint64_t bytes)
{
	munmap(memory, bytes);
}
