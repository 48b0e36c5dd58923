/* SPDX-License-Identifier: MIT */
/*
 * The loop of a vCPU. Ring 0 runs with interrupts off; whatever happened while
 * they were on (in ring 3, in a halt) is looked after at the top of the loop.
 */
#include "kern/worker.h"

#include "kern/epoch.h"
#include "kern/plant.h"
#include "kern/shell.h"
#include "kern/ticker.h"
#include "work/work.h"
#include "x86/apic.h"
#include "x86/smp.h"
#include "x86/tsc.h"

#define QUANTUM_US 5000u
/* Later than this, lost time is not caught up. */
#define BACKLOG_US 15000u

static uint64_t us_to_ticks(uint64_t us)
{
	return mul_div(us, tsc_hz(), 1000000);
}

void worker_init(struct cpu *cpu)
{
	user_enter(work_close_ports, cpu);
	plant_enable(cpu);
}

void worker_set_rate(struct cpu *cpu, uint64_t rate_bytes_per_s,
		     uint64_t nr_pages)
{
	uint64_t share, ticks = us_to_ticks(QUANTUM_US), steps;

	cpu->credit = 0;
	cpu->quantum_end = 0;
	cpu->step_limit = UINT64_MAX;
	if (!rate_bytes_per_s || !cpu->slice_pages)
		return;
	/* 8 bits of fraction, then 32 less the 12 of a page's bytes. */
	share = mul_div(rate_bytes_per_s << 8, cpu->slice_pages, nr_pages);
	steps = mul_div(share, ticks << 12, tsc_hz());
	if (!steps)
		steps = 1;
	if (steps < 1ull << 32) {
		ticks = mul_div(ticks, 1ull << 32, steps);
		steps = 1ull << 32;
	}
	cpu->quantum_ticks = ticks;
	cpu->quantum_steps = steps;
	cpu->quantum_end = rdtsc();
	cpu->step_limit = cpu->vcpu->steps;
}

/* Jobs and commands halt too, and an interrupt that they took may have been
 * for the loop: then there is no halt. */
static void halt(struct cpu *cpu)
{
	if (cpu->attention)
		return;
	if (cpu->plant.seed)
		plant_halt(cpu);
	else
		halt_for_interrupt();
}

/* @tsc or, on the first vCPU, what is due before. */
static void arm(const struct cpu *cpu, uint64_t tsc)
{
	uint64_t next = cpu->index ? UINT64_MAX : ticker_next();

	if (next < tsc)
		tsc = next;
	if (tsc != UINT64_MAX)
		apic_timer_arm(tsc);
}

static void worker_idle(struct cpu *cpu)
{
	cpu->vcpu->phase = ABI_VCPU_IDLE;
	arm(cpu, UINT64_MAX);
	halt(cpu);
}

/* This quantum's steps are done: halt until it ends. */
static void worker_pace(struct cpu *cpu, uint64_t now)
{
	struct abi_vcpu *v = cpu->vcpu;

	v->wait_until_tsc = cpu->quantum_end;
	v->phase = ABI_VCPU_WAIT;
	arm(cpu, cpu->quantum_end);
	halt(cpu);
	v->wait_ticks += rdtsc() - now;
}

static void worker_next_quantum(struct cpu *cpu, uint64_t now)
{
	uint64_t backlog = us_to_ticks(BACKLOG_US);

	if (now - cpu->quantum_end > backlog)
		cpu->quantum_end = now - backlog;
	cpu->quantum_end += cpu->quantum_ticks;
	cpu->credit += cpu->quantum_steps;
	cpu->step_limit = cpu->vcpu->steps + (cpu->credit >> 32);
	cpu->credit &= 0xffffffff;
}

static void worker_run(struct cpu *cpu)
{
	if (cpu->vcpu->steps >= cpu->step_limit) {
		uint64_t now = rdtsc();

		if (now < cpu->quantum_end) {
			worker_pace(cpu, now);
			return;
		}
		worker_next_quantum(cpu, now);
	}
	cpu->vcpu->phase = ABI_VCPU_RUN;
	arm(cpu, UINT64_MAX);
	if (user_enter(work_run, cpu) == WORK_FOUND_BAD)
		smp_wake_first();
}

static void worker_fill(struct cpu *cpu)
{
	cpu->vcpu->phase = ABI_VCPU_FILL;
	arm(cpu, UINT64_MAX);
	user_enter(work_fill, cpu);
	if (cpu->vcpu->filled < cpu->slice_pages)
		return;
	cpu->mode = CPU_IDLE;
	cpu->fill_done = 1;
	smp_wake_first();
}

void worker_loop(struct cpu *cpu)
{
	for (;;) {
		cpu->attention = 0;
		smp_take_job(cpu);
		if (!cpu->index) {
			shell_poll();
			epoch_poll();
			ticker_poll();
		}
		if (cpu->mode == CPU_RUN)
			worker_run(cpu);
		else if (cpu->mode == CPU_FILL)
			worker_fill(cpu);
		else
			worker_idle(cpu);
	}
}
