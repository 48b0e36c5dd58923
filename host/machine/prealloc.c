/* SPDX-License-Identifier: MIT */
/* All of RAM is had before the guest runs, or before it arrives. */
#include <errno.h>

#include "machine/state.h"
#include "prealloc/prealloc.h"

#define SMALL_PAGE 4096ull

/* What the host cannot give is no fault of ours. */
static int run(const struct machine *m, const struct guestmem_region *r,
	       struct error *err)
{
	bool pooled = backing_is_pooled(m->params->backing, r->page_bytes);
	struct prealloc_config config = m->params->prealloc_how;
	const struct prealloc_range range = {
		.base = r->hva,
		.bytes = r->bytes,
		.page_bytes = r->backing.page_bytes,
		.touch_bytes = pooled ? r->page_bytes : SMALL_PAGE,
		.pooled = pooled,
		.promised = pooled,
		.fd = r->memfd,
	};
	struct prealloc_result result;
	int rc;

	config.nr_vcpus = m->params->nr_vcpus;
	rc = prealloc_run(&config, &range, &result, err);
	prealloc_result_exit(&result);
	return rc == -ENOMEM ? -EOPNOTSUPP : rc;
}

int machine_prealloc(struct machine *m, struct error *err)
{
	const struct guestmem *mem = vm_memory(m->vm);
	unsigned int i;
	int rc = 0;

	for (i = 0; i < mem->nr_regions && !rc; i++)
		if (mem->region[i].is_ram)
			rc = run(m, &mem->region[i], err);
	return rc;
}
