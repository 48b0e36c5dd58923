/* SPDX-License-Identifier: MIT */
/* RAM by descriptor: no pages travel. */
#include "tools/handover_options.h"

#include <errno.h>
#include <string.h>

int handover_choose_backing(struct common_settings *s, bool handover,
			    struct error *err)
{
	struct memory_choice *m = &s->memory;

	if (!handover)
		return 0;
	if (!m->backing)
		m->backing = "memfd";
	if (!strcmp(m->backing, "memfd"))
		return 0;
	return error_set(err, -EINVAL,
			 "--transport memfd hands RAM over in a memfd: "
			 "--backing %s contradicts it",
			 m->backing);
}

int handover_resolve(const struct run_settings *run, struct error *err)
{
	bool skip =
		run->sabotage.count && sabotage_is_engine(run->sabotage.kind);

	if (run->kind == DRIVE_QEMU)
		return error_set(err, -EINVAL,
				 "--transport memfd is for --vmm mini");
	if (run->relay)
		return error_set(err, -EINVAL,
				 "--transport memfd passes descriptors, which "
				 "no relay carries: drop --relay and the "
				 "--link-... options");
	if (run->vfio[0].nr_devices || run->vfio[0].nr_sockets)
		return error_set(err, -EINVAL,
				 "--transport memfd replaces the target's "
				 "memory, which its vfio-user devices have "
				 "mapped");
	if (run->nr_channels > 1 || skip)
		return error_set(err, -EINVAL,
				 "with --transport memfd no pages travel: "
				 "--channels and --sabotage skip-dirty have "
				 "nothing to do");
	return 0;
}
