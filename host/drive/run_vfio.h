/* SPDX-License-Identifier: MIT */
/* What a migration says of vfio-user devices; what their guest says. */
#ifndef VMFERRY_DRIVE_RUN_VFIO_H
#define VMFERRY_DRIVE_RUN_VFIO_H

#include <stdbool.h>
#include <stdint.h>

#include "drive/vm_vfio.h"

struct run_vfio_device {
	char name[16];
	uint64_t bytes,
		final_bytes; /* of its state; of these behind the stop */
	uint64_t dma_pages; /* that its log told */
	double load_ms; /* at the target; NAN = not known */
};

struct run_vfio {
	unsigned int nr; /* 0 = there are none, or nobody said */
	struct run_vfio_device device[DRIVE_MAX_VFIO];
	double stop_ms, save_ms, run_ms; /* all of them; NAN = not known */
	struct {
		bool asked;
		uint64_t devices, pages, irqs, raised, wrong, bad, errors;
		uint64_t memory_bad;
		bool stopped; /* the engines: irqs must be raised, then */
	} guest; /* at the end of the hop */
};

/* Are the devices as their guest knows them? */
bool run_vfio_clean(const struct run_vfio *v);

#endif
