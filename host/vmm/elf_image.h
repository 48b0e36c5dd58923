/* SPDX-License-Identifier: MIT */
/* What the loader wants to know of an ELF64 kernel, every field checked. */
#ifndef VMFERRY_VMM_ELF_IMAGE_H
#define VMFERRY_VMM_ELF_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define ELF_MAX_SEGMENTS 16u

struct elf_segment {
	uint64_t paddr; /* as linked; paddr + mem_bytes doesn't wrap */
	uint64_t mem_bytes; /* at least 1 */
	const uint8_t *file; /* inside of the image */
	uint64_t file_bytes; /* at most mem_bytes */
	bool executable;
};

struct elf_image {
	bool relocatable; /* ET_DYN */
	uint64_t lowest, end; /* of all segments, as linked */
	uint64_t pvh_entry; /* of the PVH note, as linked */
	unsigned int nr_segments; /* 1..ELF_MAX_SEGMENTS, disjoint */
	struct elf_segment segment[ELF_MAX_SEGMENTS];
};

/**
 * elf_parse() - look at a file and take its loadable parts and PVH note.
 * @file: hostile, any alignment; @ret_image points into it.
 *
 * Return: 0, or -ENOEXEC with a sentence.
 */
int elf_parse(const void *file, size_t bytes, struct elf_image *ret_image,
	      struct error *err);

#endif
