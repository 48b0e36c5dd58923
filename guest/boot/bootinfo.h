/* SPDX-License-Identifier: MIT */
/* What every door into the guest hands to guest_main(). */
#ifndef VMFERRY_GUEST_BOOTINFO_H
#define VMFERRY_GUEST_BOOTINFO_H

#include <stdbool.h>
#include <stdint.h>

#define BOOT_MAX_RAM 32u
#define BOOT_MAX_USED 16u
#define BOOT_CMDLINE_BYTES 1024u

struct boot_range {
	uint64_t start;
	uint64_t end;
};

/* Who loaded the image; what the loaders say by `door=` on the command line. */
enum boot_door {
	BOOT_PVH = 0, /* the VMM itself */
	BOOT_BIOS = 1, /* boot/bios.asm */
	BOOT_UEFI = 2, /* boot/efi.c */
};

struct boot_info {
	uint64_t entry_tsc;
	uint64_t rsdp_gpa; /* 0 = none */
	uint64_t smbios_gpa; /* entry point; 0 = none */
	uint64_t control_gpa; /* area that the host brought; 0 = none */
	uint64_t control_bytes;
	enum boot_door door;
	bool ram_cut; /* ranges were left out, there were too many */
	bool cmdline_cut;
	uint32_t nr_ram;
	uint32_t nr_used;
	struct boot_range ram[BOOT_MAX_RAM]; /* sorted, disjoint */
	struct boot_range used[BOOT_MAX_USED]; /* boot information itself */
	char cmdline[BOOT_CMDLINE_BYTES];
};

/* guest/main.c. Does not return. */
void guest_main(struct boot_info *boot);

#endif
