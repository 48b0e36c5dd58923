/* SPDX-License-Identifier: MIT */
/* What interrupts do: as little as possible, the vCPU's loop does the rest. */
#include "x86/isr.h"

#include "hv/probe.h"
#include "kern/cold.h"
#include "kern/console.h"
#include "kern/panic.h"
#include "kern/ticker.h"
#include "x86/apic.h"
#include "x86/cpu.h"

void exception_handler(struct exception_frame *frame)
{
	struct cpu *cpu = this_cpu();

	if (cpu->resume && (frame->vector == 13 || frame->vector == 6)) {
		frame->rip = cpu->resume;
		cpu->resume = 0;
		return;
	}
	panic_exception(frame);
}

void irq_wake(void)
{
	apic_eoi();
	if (panic_stopping())
		panic_halt();
	this_cpu()->attention = 1;
}

void irq_timer(void)
{
	struct cpu *cpu = this_cpu();

	apic_eoi();
	/* Ring 3 is to come back: for a new phase, or for the ticker. */
	if (cpu->change_tsc || (!cpu->index && cold_is_open && ticker_waits()))
		cpu->attention = 1;
}

void irq_uart(void)
{
	apic_eoi();
	if (console_receive())
		this_cpu()->attention = 1;
}

void irq_probe(void)
{
	apic_eoi();
	if (probe_flush_gva)
		invlpg(probe_flush_gva);
	this_cpu()->plant.nr_probes++;
}
