/* SPDX-License-Identifier: MIT */
/* What every door into the guest hands to guest_main(). */
#ifndef VMFERRY_GUEST_BOOTINFO_H
#define VMFERRY_GUEST_BOOTINFO_H

#include <stdint.h>

#define BOOT_MAX_RAM 32u
#define BOOT_MAX_USED 16u
#define BOOT_CMDLINE_BYTES 1024u

struct boot_range {
	uint64_t start;
	uint64_t end;
};

struct boot_info {
	uint64_t entry_tsc;
	uint64_t rsdp_gpa; /* 0 = none */
	uint64_t control_gpa; /* area that the host brought; 0 = none */
	uint64_t control_bytes;
	uint32_t nr_ram;
	uint32_t nr_used;
	struct boot_range ram[BOOT_MAX_RAM]; /* as listed, any order */
	struct boot_range used[BOOT_MAX_USED]; /* boot information itself */
	char cmdline[BOOT_CMDLINE_BYTES];
};

/* guest/main.c. Does not return. */
void guest_main(struct boot_info *boot);

#endif
