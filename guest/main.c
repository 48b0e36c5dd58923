/* SPDX-License-Identifier: MIT */
/* The boot order, as a table of contents. */
#include "boot/acpi.h"
#include "boot/bootinfo.h"
#include "kern/cold.h"
#include "kern/config.h"
#include "kern/console.h"
#include "kern/control.h"
#include "kern/panic.h"
#include "kern/ram.h"
#include "kern/shell.h"
#include "kern/ticker.h"
#include "kern/worker.h"
#include "lib/string.h"
#include "lib/words.h"
#include "work/work.h"
#include "x86/apic.h"
#include "x86/smp.h"
#include "x86/tsc.h"

extern uint8_t image_end[];

static struct rammap map;

static void warn(const char *problem)
{
	if (problem)
		console_print("event warning %s", problem);
}

/* Ring 3: a search through 128 KiB. */
static uint64_t find_rsdp(void *arg)
{
	*(uint64_t *)arg = acpi_find_rsdp();
	return 0;
}

/* Preset, command line, MADT, 1: the first that says something. */
static uint32_t count_cpus(const struct boot_info *boot, uint8_t *ids)
{
	uint32_t i, wanted = control_preset_cpus(), listed;
	uint64_t number, rsdp = boot->rsdp_gpa;
	const char *problem;
	char value[16];

	if (!rsdp && !boot->control_gpa)
		user_enter(find_rsdp, &rsdp);
	listed = acpi_read_apic_ids(rsdp, ids, ABI_MAX_VCPUS, &problem);
	for (i = listed; i < ABI_MAX_VCPUS; i++)
		ids[i] = (uint8_t)i;
	if (!wanted && config_find("cpus", value, sizeof(value)) &&
	    words_number(value, &number) && number <= ABI_MAX_VCPUS)
		wanted = (uint32_t)number;
	if (!wanted) {
		warn(problem);
		wanted = listed;
	}
	if (wanted > ABI_MAX_VCPUS)
		wanted = ABI_MAX_VCPUS;
	return wanted ? wanted : 1;
}

static void start_cpus(const struct boot_info *boot)
{
	uint8_t ids[ABI_MAX_VCPUS];
	uint64_t trampoline = ram_find_trampoline(boot), bytes, areas = 0;
	uint32_t nr = count_cpus(boot, ids);

	if (!trampoline && nr > 1) {
		warn("no page below 1 MiB to start other vcpus from");
		nr = 1;
	}
	bytes = (nr - 1ull) * CPU_BYTES;
	if (bytes)
		areas = rammap_take(&map, bytes, CPU_BYTES, (uint64_t)image_end,
				    ABI_RAM_PRIVATE);
	if (bytes && !areas)
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

static void announce(const struct boot_info *boot)
{
	static const char *const doors[] = { "pvh", "bios", "uefi" };
	struct abi_control *c = control_area();

	if (map.full || boot->ram_cut)
		warn("ram has too many ranges: some are left out");
	console_print("event control gpa=0x%lx bytes=%lu", (uint64_t)c,
		      c->bytes);
	c->ready_tsc = rdtsc();
	control_set_state(ABI_STATE_READY);
	console_print("event ready version=%u vcpus=%u ram=%lu tsc_hz=%lu "
		      "base=0x%lx boot_us=%lu door=%s",
		      ABI_VERSION, c->nr_vcpus, ram_bytes(), c->tsc_hz,
		      c->image_gpa, tsc_to_us(c->ready_tsc - c->entry_tsc),
		      doors[boot->door]);
}

void guest_main(struct boot_info *boot)
{
	console_init();
	if (!apic_present())
		panic("this vcpu has no local APIC");
	apic_init();
	console_listen();
	/* UEFI leaves them in a loop, where they cost an emulator its time. */
	if (boot->door == BOOT_UEFI)
		apic_send_init_others();
	ram_init(&map, boot);
	warn(control_open(boot));
	warn(config_init(boot));
	tsc_init();
	apic_timer_init();
	start_cpus(boot);
	ram_publish(&map);
	announce(boot);
	cold_open();
	shell_init();
	ticker_init(boot);
	worker_loop(&cpu_boot.cpu);
}
