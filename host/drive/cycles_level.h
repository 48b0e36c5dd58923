/* SPDX-License-Identifier: MIT */
/* How deep a guest of ours runs: below how many hypervisors. */
#ifndef VMFERRY_DRIVE_CYCLES_LEVEL_H
#define VMFERRY_DRIVE_CYCLES_LEVEL_H

#include <stdbool.h>

/* What the CPUID of this host says of a hypervisor above it. */
enum cycles_host {
	CYCLES_HOST_BARE, /* there is none */
	CYCLES_HOST_EMULATED, /* QEMU's TCG: as good as a machine */
	CYCLES_HOST_VIRTUAL, /* at least one */
};

enum cycles_host cycles_host(void);

/* "L1": a guest of a machine; "L2": of a guest, at the least (a hypervisor
 * above that one does not show). An emulated CPU is a machine. Pure. */
const char *cycles_level(enum cycles_host host, bool tcg);

#endif
