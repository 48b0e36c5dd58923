/* SPDX-License-Identifier: MIT */
/*
 * PVH boot: an ELF64 kernel and its boot information into guest memory.
 *
 * Pure: no KVM, no files. The image is hostile: every field is checked, the
 * loader writes only inside of RAM, and never leaves the process.
 */
#ifndef VMFERRY_VMM_LOADER_H
#define VMFERRY_VMM_LOADER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "vmm/guestmem.h"

/* Low memory that the loader fills with boot information; everything else
 * below LOADER_IMAGE_MIN_GPA stays zero, so that an AP trampoline finds room. */
#define LOADER_INFO_GPA 0x20000ull
#define LOADER_INFO_BYTES 0x10000ull
#define LOADER_CMDLINE_GPA (LOADER_INFO_GPA + 0x1000)
#define LOADER_CMDLINE_MAX_BYTES 0x8000ull /* with its NUL */
#define LOADER_IMAGE_MIN_GPA 0x100000ull

struct loader_params {
	/*
	 * 0 = as linked. Else the lowest segment's 2 MiB page is moved here:
	 * a multiple of 2 MiB below 4 GiB. Only for an image that can take
	 * it: ET_DYN, which relocates itself.
	 */
	uint64_t base_gpa;
	const char *cmdline; /* NULL = "" */
	/* Guest memory to hand over as a PVH module with the command line
	 * ABI_CONTROL_MODULE; 0 bytes = none. */
	uint64_t control_gpa;
	uint64_t control_bytes;
};

struct loader_result {
	uint64_t entry_gpa; /* 32-bit entry point */
	uint64_t start_info_gpa;
	uint64_t image_gpa; /* lowest byte of any segment */
	uint64_t image_bytes; /* to the highest, gaps included */
};

/**
 * loader_load_pvh() - load @elf and build what PVH hands over.
 * @mem: all zero: what follows a segment's bytes in the file (.bss) is left
 *	untouched, and so unpopulated.
 * @elf: the file, any alignment.
 *
 * The memory map lists RAM from 0 up in one piece (there is no VGA hole) and
 * the control area as reserved. No RSDP: the control area has the vCPU count.
 * On failure guest memory may hold a part of the image.
 *
 * Return: 0; -ENOEXEC if @elf is not an image that we can boot; -EINVAL for
 * @params out of range; -E2BIG if image or command line don't fit. Each with
 * a sentence.
 * Source: System V ABI (ELF-64); Xen, xen/include/public/arch-x86/hvm/
 * start_info.h and elfnote.h.
 */
int loader_load_pvh(const struct guestmem *mem, const void *elf,
		    size_t elf_bytes, const struct loader_params *params,
		    struct loader_result *ret_result, struct error *err);

#endif
