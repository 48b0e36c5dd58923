/* SPDX-License-Identifier: MIT */
/*
 * The PVH door: hvm_start_info -> struct boot_info.
 * Source: Xen include/public/arch-x86/hvm/start_info.h.
 */
#include "boot/bootinfo.h"

#include "lib/string.h"
#include "x86/desc.h"
#include "x86/apic.h"
#include "x86/paging.h"

#define E820_RAM 1

struct pvh_module {
	uint64_t paddr;
	uint64_t size;
	uint64_t cmdline_paddr;
	uint64_t reserved;
};

struct pvh_memmap_entry {
	uint64_t addr;
	uint64_t size;
	uint32_t type;
	uint32_t reserved;
};

struct pvh_start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t nr_modules;
	uint64_t modlist_paddr;
	uint64_t cmdline_paddr;
	uint64_t rsdp_paddr;
	/* version 1 and later */
	uint64_t memmap_paddr;
	uint32_t memmap_entries;
	uint32_t reserved;
};

static struct boot_info boot;

void pvh_main(const struct pvh_start_info *info, uint64_t entry_tsc);

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
	const struct pvh_memmap_entry *e = (const void *)info->memmap_paddr;
	uint32_t i;

	if (info->version < 1 || !e)
		return;
	pvh_use(info->memmap_paddr, info->memmap_entries * sizeof(*e));
	for (i = 0; i < info->memmap_entries; i++) {
		struct boot_range *r = &boot.ram[boot.nr_ram];

		if (e[i].type != E820_RAM || boot.nr_ram == BOOT_MAX_RAM)
			continue;
		r->start = e[i].addr;
		r->end = e[i].addr + e[i].size;
		boot.nr_ram++;
	}
}

static void pvh_read_modules(const struct pvh_start_info *info)
{
	const struct pvh_module *m = (const void *)info->modlist_paddr;
	uint32_t i;

	if (!m)
		return;
	pvh_use(info->modlist_paddr, info->nr_modules * sizeof(*m));
	for (i = 0; i < info->nr_modules; i++) {
		const char *name = (const void *)m[i].cmdline_paddr;

		if (name)
			pvh_use(m[i].cmdline_paddr, string_length(name) + 1);
		if (name && string_equal(name, ABI_CONTROL_MODULE)) {
			boot.control_gpa = m[i].paddr;
			boot.control_bytes = m[i].size;
		} else {
			pvh_use(m[i].paddr, m[i].size);
		}
	}
}

static void pvh_read_cmdline(const struct pvh_start_info *info)
{
	const char *text = (const void *)info->cmdline_paddr;

	if (!text)
		return;
	pvh_use(info->cmdline_paddr, string_length(text) + 1);
	string_copy(boot.cmdline, sizeof(boot.cmdline), text);
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
	pvh_read_memmap(info);
	pvh_read_modules(info);
	guest_main(&boot);
}
