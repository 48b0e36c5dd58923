/* SPDX-License-Identifier: MIT */
/*
 * The PVH door: hvm_start_info -> struct boot_info. Our own loaders for BIOS
 * and UEFI come through it too.
 */
#include "boot/pvh.h"

#include "boot/bootinfo.h"
#include "boot/firmware.h"
#include "boot/memmap.h"
#include "lib/string.h"
#include "lib/words.h"
#include "x86/apic.h"
#include "x86/desc.h"
#include "x86/paging.h"

#define MAPPED_BYTES (1ull << 32)
#define MAX_MODULES 16u
#define CMDLINE_MAX_BYTES 65536u
#define NAME_BYTES 256u

static struct boot_info boot;

void pvh_main(const struct pvh_start_info *info, uint64_t entry_tsc);

const void *firmware_at(uint64_t gpa, uint64_t bytes)
{
	if (!gpa || !bytes || gpa >= MAPPED_BYTES || bytes > MAPPED_BYTES - gpa)
		return NULL;
	return (const void *)gpa;
}

static void pvh_use(uint64_t start, uint64_t bytes)
{
	struct boot_range *r = &boot.used[boot.nr_used];

	if (!start || !bytes || boot.nr_used == BOOT_MAX_USED)
		return;
	r->start = start;
	r->end = start + bytes;
	boot.nr_used++;
}

static void pvh_read_memmap(const struct pvh_start_info *info)
{
	uint64_t bytes = info->memmap_entries * sizeof(struct memmap_entry);
	const struct memmap_entry *e;

	if (info->version < 1)
		return;
	e = firmware_at(info->memmap_paddr, bytes);
	if (!e)
		return;
	pvh_use(info->memmap_paddr, bytes);
	boot.nr_ram = memmap_usable(e, info->memmap_entries, boot.ram,
				    BOOT_MAX_RAM, &boot.ram_cut);
}

/* A text that ends somewhere. Return: "" if there is none within reach. */
static const char *text_at(uint64_t gpa, uint64_t room)
{
	const char *text = firmware_at(gpa, room);

	return text ? text : "";
}

static void pvh_read_modules(const struct pvh_start_info *info)
{
	const struct pvh_module *m;
	uint32_t i, nr = info->nr_modules;

	if (nr > MAX_MODULES)
		nr = MAX_MODULES;
	m = firmware_at(info->modlist_paddr, nr * sizeof(*m));
	if (!m)
		return;
	pvh_use(info->modlist_paddr, nr * sizeof(*m));
	for (i = 0; i < nr; i++) {
		const char *name = text_at(m[i].cmdline_paddr, NAME_BYTES);

		if (name[0])
			pvh_use(m[i].cmdline_paddr,
				string_length_max(name, NAME_BYTES) + 1);
		if (string_equal(name, ABI_CONTROL_MODULE)) {
			boot.control_gpa = m[i].paddr;
			boot.control_bytes = m[i].size;
		} else {
			pvh_use(m[i].paddr, m[i].size);
		}
	}
}

static void pvh_read_cmdline(const struct pvh_start_info *info)
{
	const char *text = text_at(info->cmdline_paddr, BOOT_CMDLINE_BYTES);
	/* All of it is in the way, also what is not read. */
	size_t length = string_length_max(text, CMDLINE_MAX_BYTES);

	if (!length)
		return;
	pvh_use(info->cmdline_paddr, length + 1);
	boot.cmdline_cut = length >= BOOT_CMDLINE_BYTES;
	string_copy(boot.cmdline, sizeof(boot.cmdline), text);
}

/* What our loaders tell: who they are, and what only they can know. */
static void pvh_read_door(void)
{
	char value[24];

	if (words_find(boot.cmdline, "door", value, sizeof(value)))
		boot.door = string_equal(value, "uefi")	  ? BOOT_UEFI
			    : string_equal(value, "bios") ? BOOT_BIOS
							  : BOOT_PVH;
	if (words_find(boot.cmdline, "smbios", value, sizeof(value)) &&
	    !words_number(value, &boot.smbios_gpa))
		boot.smbios_gpa = 0;
}

/* The first C of the first vCPU, called from pvh.asm. */
void pvh_main(const struct pvh_start_info *info, uint64_t entry_tsc)
{
	desc_init();
	desc_load(&cpu_boot.cpu);
	/* Before the first entry into ring 3, where interrupts are on: a BIOS
	 * leaves its timer running, on the vector of an exception. */
	pic_mask();
	paging_map_low();
	boot.entry_tsc = entry_tsc;
	boot.rsdp_gpa = info->rsdp_paddr;
	pvh_use((uint64_t)info, sizeof(*info));
	pvh_read_cmdline(info);
	pvh_read_door();
	pvh_read_memmap(info);
	pvh_read_modules(info);
	guest_main(&boot);
}
