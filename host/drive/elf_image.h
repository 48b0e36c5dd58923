/* SPDX-License-Identifier: MIT */
/*
 * What the read-only part of an ELF image must look like in memory: its
 * segments at their load address, with the relative relocations applied.
 */
#ifndef VMFERRY_DRIVE_ELF_IMAGE_H
#define VMFERRY_DRIVE_ELF_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* The base of an image, in the file and in memory, is a multiple of this. */
#define ELF_IMAGE_ALIGN (2u << 20)
#define ELF_IMAGE_MAX_BYTES (64u << 20)

struct elf_image {
	uint64_t gpa; /* of the base */
	uint64_t bytes; /* whole pages */
	uint8_t *data;
	uint8_t *page_kind; /* one per page, bits: ELF_IMAGE_... */
};

#define ELF_IMAGE_READ_ONLY 1u /* a segment without PF_W */
#define ELF_IMAGE_WRITABLE 2u

/**
 * elf_image_load() - lay out an image as a loader would.
 * @elf: an ELF64 file for x86-64, possibly hostile; not kept.
 * @gpa: where the image's base lies: the lowest PT_LOAD's p_paddr, rounded
 *	down to ELF_IMAGE_ALIGN, was moved here.
 * @ret: elf_image_exit() on success, untouched on failure.
 *
 * Only R_X86_64_RELATIVE relocations (DT_RELA, DT_RELR) are known. Bytes that no
 * segment's file part covers are zero.
 *
 * Return: 0, -EPROTO, -ENOMEM.
 * Source: System V ABI, ch. 4 and 5; AMD64 supplement, 4.4.
 */
int elf_image_load(const void *elf, size_t bytes, uint64_t gpa,
		   struct elf_image *ret, struct error *err);
void elf_image_exit(struct elf_image *image);

/* The page at @gpa, if only read-only segments touch it; else NULL. */
const uint8_t *elf_image_page(const struct elf_image *image, uint64_t gpa);

#endif
