/* SPDX-License-Identifier: MIT */
/* All of RAM is had before the guest runs, or while it arrives. */
#include <errno.h>

#include "machine/state.h"
#include "prealloc/prealloc.h"

#define SMALL_PAGE 4096ull

static struct prealloc_range range_of(const struct machine *m,
				      const struct guestmem_region *r)
{
	bool pooled = backing_is_pooled(m->params->backing, r->page_bytes);

	return (struct prealloc_range){
		.base = r->hva,
		.bytes = r->bytes,
		.page_bytes = r->backing.page_bytes,
		.touch_bytes = pooled ? r->page_bytes : SMALL_PAGE,
		.pooled = pooled,
		.promised = pooled,
		.fd = r->memfd,
	};
}

static int run(struct machine *m, unsigned int index,
	       const struct prealloc_config *config, struct error *err)
{
	const struct guestmem_region *r = &vm_memory(m->vm)->region[index];
	const struct prealloc_range range = range_of(m, r);
	struct prealloc_result result;
	int rc;

	if (m->params->prealloc_async && m->params->incoming)
		return prealloc_start(config, &range, &m->prealloc[index], err);
	rc = prealloc_run(config, &range, &result, err);
	prealloc_result_exit(&result);
	return rc;
}

int machine_prealloc(struct machine *m, struct error *err)
{
	const struct guestmem *mem = vm_memory(m->vm);
	struct prealloc_config config = m->params->prealloc_how;
	unsigned int i;
	int rc = 0;

	config.nr_vcpus = m->params->nr_vcpus;
	for (i = 0; i < mem->nr_regions && !rc; i++)
		if (mem->region[i].is_ram)
			rc = run(m, i, &config, err);
	/* What the host cannot give is no fault of ours. */
	return rc == -ENOMEM ? -EOPNOTSUPP : rc;
}

void machine_prealloc_end(struct machine *m)
{
	struct prealloc_result result;
	unsigned int i;

	for (i = 0; i < GUESTMEM_MAX_REGIONS; i++)
		if (m->prealloc[i]) {
			prealloc_stop(m->prealloc[i]);
			prealloc_finish(m->prealloc[i], &result, NULL);
			prealloc_result_exit(&result);
			m->prealloc[i] = NULL;
		}
}
