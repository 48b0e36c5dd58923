/* SPDX-License-Identifier: MIT */
/*
 * The loop of a vCPU. Ring 0 runs with interrupts off; whatever happened while
 * they were on (in ring 3, in a halt) is looked after at the top of the loop.
 */
#include "kern/worker.h"

#include "hv/l2_work.h"
#include "kern/avx.h"
#include "kern/control.h"
#include "kern/epoch.h"
#include "kern/plant.h"
#include "kern/shell.h"
#include "kern/tempo.h"
#include "kern/ticker.h"
#include "work/work.h"
#include "x86/apic.h"
#include "x86/smp.h"
#include "x86/tsc.h"

/*
 * Each quantum costs a timer and a hundred instructions in ring 0. So that many
 * vCPUs do not live for their timers, so many share the timers of a few: their
 * quanta are longer and begin one after the other, and all of them together
 * still keep the rate from one QUANTUM_US to the next.
 */
#define QUANTUM_US 5000u
#define QUANTUM_VCPUS 8u
/* Later than this, lost time is not caught up. */
#define BACKLOG_US 15000u

static uint64_t us_to_ticks(uint64_t us)
{
	return mul_div(us, tsc_hz(), 1000000);
}

void worker_init(struct cpu *cpu)
{
	user_enter(work_close_ports, cpu);
	avx_enable(cpu);
}

/* What this vCPU may write in a second, with 8 bits of fraction. */
static uint64_t rate_share(const struct cpu *cpu)
{
	const struct abi_tempo *t = &control_area()->tempo[cpu->phase];

	if (t->nr_rates > 1)
		return t->rate_bytes_per_s[cpu->index % t->nr_rates] << 8;
	/* What the DMA engines write is theirs. */
	return mul_div(t->rate_bytes_per_s[0] << 8, cpu->slice_pages,
		       oracle_slice(&work.oracle, smp_nr_cpus()).first);
}

void worker_set_rate(struct cpu *cpu)
{
	uint64_t share, ticks, steps, us = QUANTUM_US, nr = smp_nr_cpus();

	cpu->credit = 0;
	cpu->quantum_end = 0;
	cpu->step_limit = UINT64_MAX;
	share = cpu->slice_pages ? rate_share(cpu) : 0;
	if (!share)
		return;
	if (nr > QUANTUM_VCPUS)
		us = us * nr / QUANTUM_VCPUS;
	ticks = us_to_ticks(us);
	/* 32 bits of fraction, less the 12 of a page's bytes. */
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
	if (nr > QUANTUM_VCPUS)
		cpu->quantum_end += ticks * cpu->index / nr;
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

/* Waiting in the middle of the workload: L2 may have the vCPU until then. */
static void rest(struct cpu *cpu)
{
	if (!cpu->index && l2_work_on())
		l2_work_rest(cpu);
	else
		halt(cpu);
}

static uint64_t run(struct cpu *cpu)
{
	return !cpu->index && l2_work_on() ? l2_work_run(cpu)
					   : user_enter(work_run, cpu);
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

/* Nothing to do until @end, or until the phase changes: halt. */
static void worker_pause(struct cpu *cpu, uint64_t now, uint64_t end)
{
	struct abi_vcpu *v = cpu->vcpu;

	if (cpu->change_tsc && cpu->change_tsc < end)
		end = cpu->change_tsc;
	v->wait_until_tsc = end;
	v->phase = ABI_VCPU_WAIT;
	arm(cpu, end);
	rest(cpu);
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

/* Return: false if it is time to rest, and it has rested. */
static bool worker_keep_time(struct cpu *cpu)
{
	uint64_t now = rdtsc();

	if (now >= cpu->change_tsc)
		tempo_look(cpu, now);
	if (cpu->resting) {
		worker_pause(cpu, now, cpu->change_tsc);
		return false;
	}
	return true;
}

static void worker_run(struct cpu *cpu)
{
	if (cpu->change_tsc && !worker_keep_time(cpu))
		return;
	if (cpu->vcpu->steps >= cpu->step_limit) {
		uint64_t now = rdtsc();

		if (now < cpu->quantum_end) {
			worker_pause(cpu, now, cpu->quantum_end);
			return;
		}
		worker_next_quantum(cpu, now);
	}
	cpu->vcpu->phase = ABI_VCPU_RUN;
	/* A change of phase ends a run that no rate holds back, too. */
	arm(cpu, cpu->change_tsc ? cpu->change_tsc : UINT64_MAX);
	if (run(cpu) == WORK_FOUND_BAD)
		smp_wake_first();
}

void worker_turn(struct cpu *cpu, uint64_t max_steps)
{
	uint64_t now = rdtsc(), limit;

	if (cpu->mode != CPU_RUN)
		return;
	if (cpu->change_tsc && now >= cpu->change_tsc)
		tempo_look(cpu, now);
	if (cpu->resting)
		return;
	if (cpu->vcpu->steps >= cpu->step_limit) {
		if (now < cpu->quantum_end)
			return;
		worker_next_quantum(cpu, now);
		cpu->vcpu->wait_until_tsc = now;
	}
	limit = cpu->step_limit;
	if (limit - cpu->vcpu->steps > max_steps)
		cpu->step_limit = cpu->vcpu->steps + max_steps;
	cpu->attention = 0;
	run(cpu);
	cpu->step_limit = limit;
}

static void worker_fill(struct cpu *cpu)
{
	cpu->vcpu->phase = ABI_VCPU_FILL;
	arm(cpu, UINT64_MAX);
	if (!user_enter(work_fill, cpu))
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
