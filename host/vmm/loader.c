/* SPDX-License-Identifier: MIT */
/* PVH boot: places the image and writes the start info. */
#include "vmm/loader.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "abi.h"
#include "vmm/elf_image.h"
#include "vmm/start_info.h"

#define BASE_ALIGN (2ull << 20)
#define FOUR_GIB (1ull << 32)

/* All that the first page of the boot information holds. */
struct info_page {
	struct start_info info;
	struct start_module module;
	char module_cmdline[32];
	struct start_memmap memmap[GUESTMEM_MAX_REGIONS];
};

#define INFO_PLACE(field) (LOADER_INFO_GPA + offsetof(struct info_page, field))

_Static_assert(sizeof(ABI_CONTROL_MODULE) <= 32, "fits module_cmdline");
_Static_assert(sizeof(struct info_page) <= 4096, "ends before the cmdline");
_Static_assert(LOADER_CMDLINE_GPA + LOADER_CMDLINE_MAX_BYTES <=
		       LOADER_INFO_GPA + LOADER_INFO_BYTES,
	       "inside of the boot information");

static int check_params(const struct guestmem *mem,
			const struct loader_params *p, struct error *err)
{
	if (p->base_gpa % BASE_ALIGN || p->base_gpa >= FOUR_GIB)
		return error_set(err, -EINVAL,
				 "the image base must be a multiple of 2 MiB "
				 "below 4 GiB, not 0x%" PRIx64,
				 p->base_gpa);
	if (p->cmdline && strnlen(p->cmdline, LOADER_CMDLINE_MAX_BYTES) ==
				  LOADER_CMDLINE_MAX_BYTES)
		return error_set(err, -E2BIG,
				 "the kernel command line is longer than %llu "
				 "bytes",
				 LOADER_CMDLINE_MAX_BYTES - 1);
	if (p->control_bytes &&
	    !guestmem_at(mem, p->control_gpa, p->control_bytes))
		return error_set(err, -EINVAL,
				 "the control area at 0x%" PRIx64
				 " lies outside of guest memory",
				 p->control_gpa);
	return 0;
}

/* Where a segment goes, or NULL if that is not all RAM of one region. */
static void *segment_at(const struct guestmem *mem, uint64_t gpa,
			uint64_t bytes)
{
	unsigned int i;

	if (gpa < LOADER_IMAGE_MIN_GPA)
		return NULL;
	for (i = 0; i < mem->nr_regions; i++)
		if (gpa - mem->region[i].gpa < mem->region[i].bytes)
			return mem->region[i].is_ram
				       ? guestmem_at(mem, gpa, bytes)
				       : NULL;
	return NULL;
}

/* @delta may be "negative": sums wrap on purpose, the result is checked. */
static int place(const struct guestmem *mem, const struct elf_image *img,
		 uint64_t delta, struct error *err)
{
	unsigned int i;

	for (i = 0; i < img->nr_segments; i++) {
		const struct elf_segment *s = &img->segment[i];
		uint64_t gpa = s->paddr + delta;
		void *to = segment_at(mem, gpa, s->mem_bytes);

		if (!to)
			return error_set(err, -E2BIG,
					 "the kernel's segment at 0x%" PRIx64
					 " (%" PRIu64 " bytes) lies outside of "
					 "RAM above 1 MiB",
					 gpa, s->mem_bytes);
		memcpy(to, s->file, s->file_bytes);
	}
	return 0;
}

static unsigned int fill_memmap(const struct guestmem *mem,
				struct start_memmap *map)
{
	unsigned int i;

	for (i = 0; i < mem->nr_regions; i++)
		map[i] = (struct start_memmap){
			.addr = mem->region[i].gpa,
			.size = mem->region[i].bytes,
			.type = mem->region[i].is_ram ? MEMMAP_RAM
						      : MEMMAP_RESERVED,
		};
	return mem->nr_regions;
}

static int write_info(const struct guestmem *mem, const struct loader_params *p,
		      struct error *err)
{
	uint8_t *to = guestmem_at(mem, LOADER_INFO_GPA, LOADER_INFO_BYTES);
	const char *cmdline = p->cmdline ? p->cmdline : "";
	struct info_page page = {
		.info = {
			.magic = START_MAGIC,
			.version = 1,
			.cmdline_paddr = LOADER_CMDLINE_GPA,
			.memmap_paddr = INFO_PLACE(memmap),
		},
	};

	if (!to)
		return error_set(err, -E2BIG,
				 "RAM is too small for the boot information");
	if (p->control_bytes) {
		page.info.nr_modules = 1;
		page.info.modlist_paddr = INFO_PLACE(module);
		page.module.paddr = p->control_gpa;
		page.module.size = p->control_bytes;
		page.module.cmdline_paddr = INFO_PLACE(module_cmdline);
		memcpy(page.module_cmdline, ABI_CONTROL_MODULE,
		       sizeof(ABI_CONTROL_MODULE));
	}
	page.info.memmap_entries = fill_memmap(mem, page.memmap);
	memcpy(to, &page, sizeof(page));
	memcpy(to + (LOADER_CMDLINE_GPA - LOADER_INFO_GPA), cmdline,
	       strlen(cmdline) + 1);
	return 0;
}

int loader_load_pvh(const struct guestmem *mem, const void *elf,
		    size_t elf_bytes, const struct loader_params *params,
		    struct loader_result *ret_result, struct error *err)
{
	struct elf_image img;
	uint64_t delta = 0;
	int rc = check_params(mem, params, err);

	if (!rc)
		rc = elf_parse(elf, elf_bytes, &img, err);
	if (rc)
		return rc;
	if (params->base_gpa) {
		if (!img.relocatable)
			return error_set(err, -ENOEXEC,
					 "the kernel image is not relocatable "
					 "and must be loaded as linked");
		delta = params->base_gpa - (img.lowest & ~(BASE_ALIGN - 1));
	}
	rc = place(mem, &img, delta, err);
	if (rc)
		return rc;
	if (img.pvh_entry + delta >= FOUR_GIB)
		return error_set(err, -ENOEXEC,
				 "the kernel's PVH entry point 0x%" PRIx64
				 " lies above 4 GiB",
				 img.pvh_entry + delta);
	rc = write_info(mem, params, err);
	if (rc)
		return rc;
	*ret_result = (struct loader_result){
		.entry_gpa = img.pvh_entry + delta,
		.start_info_gpa = LOADER_INFO_GPA,
		.image_gpa = img.lowest + delta,
		.image_bytes = img.end - img.lowest,
	};
	return 0;
}
