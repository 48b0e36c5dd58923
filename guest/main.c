/* SPDX-License-Identifier: MIT */
/* The boot order, as a table of contents. */
#include "boot/bootinfo.h"
#include "boot/madt.h"
#include "kern/config.h"
#include "kern/console.h"
#include "kern/control.h"
#include "kern/epoch.h"
#include "kern/panic.h"
#include "kern/shell.h"
#include "kern/worker.h"
#include "lib/string.h"
#include "lib/words.h"
#include "work/work.h"
#include "x86/apic.h"
#include "x86/paging.h"
#include "x86/smp.h"
#include "x86/tsc.h"

#define MIB (1ull << 20)
/* The firmware's own data starts below this. */
#define LOW_TOP 0x9f000ull

#define LOW_END (1ull << 32)
/* SeaBIOS 1.16 leaves 132 KiB 16 MiB below the top. */
#define LEFTOVERS (17 * MIB)

extern uint8_t image_start[], image_data[], image_end[];

static struct rammap map;

static void map_ram(const struct boot_info *boot)
{
	uint32_t i;

	for (i = 0; i < boot->nr_ram; i++) {
		uint64_t start = boot->ram[i].start, end = boot->ram[i].end;

		/* Below 1 MiB a partial page counts, above it does not. */
		if (start >= MIB) {
			start = ABI_ALIGN_PAGE(start);
			end &= ~(uint64_t)(ABI_PAGE_BYTES - 1);
		}
		rammap_add(&map, start & ~(uint64_t)(ABI_PAGE_BYTES - 1),
			   ABI_ALIGN_PAGE(end), ABI_RAM_FREE);
	}
	rammap_mark(&map, 0, MIB, ABI_RAM_FIRMWARE);
	for (i = 0; i < boot->nr_used; i++)
		rammap_mark(&map, boot->used[i].start, boot->used[i].end,
			    ABI_RAM_FIRMWARE);
	rammap_mark(&map, (uint64_t)image_start, (uint64_t)image_data,
		    ABI_RAM_IMAGE);
	rammap_mark(&map, (uint64_t)image_data, (uint64_t)image_end,
		    ABI_RAM_PRIVATE);
	rammap_mark(&map, boot->control_gpa,
		    boot->control_gpa + boot->control_bytes, ABI_RAM_PRIVATE);
}

/* A BIOS leaves what it does not need any more near the top of low memory;
 * free memory is zero. */
static void clean_leftovers(const struct boot_info *boot)
{
	const struct abi_ram_range *r = NULL;
	uint64_t start, end;
	bool bios = false;
	uint32_t i;

	/* Its data area cuts the last page below 640 KiB in two. */
	for (i = 0; i < boot->nr_ram; i++)
		bios |= boot->ram[i].end < MIB &&
			boot->ram[i].end % ABI_PAGE_BYTES;
	for (i = 0; i < map.nr; i++)
		if (map.range[i].kind == ABI_RAM_FREE &&
		    map.range[i].gpa < LOW_END)
			r = &map.range[i];
	if (!bios || !r)
		return;
	end = r->gpa + r->bytes;
	start = r->bytes > LEFTOVERS ? end - LEFTOVERS : r->gpa;
	work_clean_now(start, end - start);
}

/* The host's control area may lie above all RAM. */
static void map_pages(const struct boot_info *boot)
{
	const struct abi_ram_range *last = &map.range[map.nr - 1];
	uint64_t top = last->gpa + last->bytes, bytes, tables = 0;

	if (top < boot->control_gpa + boot->control_bytes)
		top = boot->control_gpa + boot->control_bytes;
	bytes = paging_high_bytes(top);
	if (bytes)
		tables = rammap_take(&map, bytes, (uint64_t)image_end,
				     ABI_RAM_PRIVATE);
	if (bytes && !tables)
		panic("no room for page tables");
	paging_map_high(top, tables);
}

/* Preset, command line, MADT, 1: the first that says something. */
static uint32_t count_cpus(const struct boot_info *boot, uint8_t *ids)
{
	uint32_t i, wanted = control_preset_cpus(), listed;
	char value[16];
	uint64_t number;

	listed = madt_read_apic_ids(boot->rsdp_gpa, ids, ABI_MAX_VCPUS);
	for (i = listed; i < ABI_MAX_VCPUS; i++)
		ids[i] = (uint8_t)i;
	if (!wanted && config_find("cpus", value, sizeof(value)) &&
	    words_number(value, &number) && number <= ABI_MAX_VCPUS)
		wanted = (uint32_t)number;
	if (!wanted)
		wanted = listed;
	if (wanted > ABI_MAX_VCPUS)
		wanted = ABI_MAX_VCPUS;
	return wanted ? wanted : 1;
}

/* A page below 1 MiB that holds no boot information; 0 if there is none. */
static uint64_t find_trampoline(const struct boot_info *boot)
{
	uint64_t page;
	uint32_t i;

	for (page = LOW_TOP - ABI_PAGE_BYTES; page; page -= ABI_PAGE_BYTES) {
		uint64_t end = page + ABI_PAGE_BYTES;
		bool ram = false, used = false;

		for (i = 0; i < boot->nr_ram; i++)
			ram |= boot->ram[i].start <= page &&
			       boot->ram[i].end >= end;
		for (i = 0; i < boot->nr_used; i++)
			used |= boot->used[i].start < end &&
				boot->used[i].end > page;
		if (ram && !used)
			return page;
	}
	return 0;
}

static void start_cpus(const struct boot_info *boot)
{
	uint8_t ids[ABI_MAX_VCPUS];
	uint64_t trampoline = find_trampoline(boot), bytes, areas = 0, above;
	uint32_t nr = count_cpus(boot, ids);

	if (!trampoline)
		nr = 1;
	above = ((uint64_t)image_end + CPU_BYTES - 1) & ~(CPU_BYTES - 1ull);
	bytes = (nr - 1ull) * CPU_BYTES;
	if (bytes)
		areas = rammap_take(&map, bytes, above, ABI_RAM_PRIVATE);
	if (bytes && (!areas || areas % CPU_BYTES))
		panic("no room for the vCPUs");
	work_zero_now(areas, bytes);
	smp_init(ids, nr, areas);
	if (!control_create(&map, (uint64_t)image_end, smp_nr_cpus()))
		panic("no room for the control area");
	control_lay_out(smp_nr_cpus(), boot->entry_tsc);
	worker_init(&cpu_boot.cpu);
	if (smp_start(trampoline) < nr)
		console_print("event warning only %u of %u vcpus came up",
			      smp_nr_cpus(), nr);
	control_area()->nr_vcpus = smp_nr_cpus();
}

static void announce(const char *problem)
{
	struct abi_control *c = control_area();

	if (problem)
		console_print("event warning %s", problem);
	if (map.full)
		console_print("event warning ram has too many ranges");
	console_print("event control gpa=0x%lx bytes=%lu", (uint64_t)c,
		      c->bytes);
	c->ready_tsc = rdtsc();
	control_set_state(ABI_STATE_READY);
	console_print("event ready version=%u vcpus=%u ram=%lu tsc_hz=%lu "
		      "base=0x%lx boot_us=%lu",
		      ABI_VERSION, c->nr_vcpus, epoch_ram_bytes(), c->tsc_hz,
		      c->image_gpa, tsc_to_us(c->ready_tsc - c->entry_tsc));
}

void guest_main(struct boot_info *boot)
{
	const char *problem;

	apic_init();
	console_init();
	map_ram(boot);
	clean_leftovers(boot);
	map_pages(boot);
	problem = control_open(boot);
	config_init(boot->cmdline);
	tsc_init();
	apic_timer_init();
	start_cpus(boot);
	epoch_init(&map);
	announce(problem);
	shell_init();
	worker_loop(&cpu_boot.cpu);
}
