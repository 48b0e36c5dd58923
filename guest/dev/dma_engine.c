/* SPDX-License-Identifier: MIT */
/* The DMA engines: set up, started with an epoch, their interrupts counted. */
#include "dev/dma_engine.h"

#include <stddef.h>

#include "dev/pci.h"
#include "dma.h"
#include "kern/console.h"
#include "work/work.h"
#include "x86/irq.h"
#include "x86/smp.h"
#include "x86/tsc.h"

/* Steps between two interrupts. */
#define IRQ_EVERY 512u
#define PATIENCE_MS 1000u
/* Of its memory one word in each of so many bytes is told from others. */
#define MEMORY_STEP 4096u

struct engine {
	volatile struct abi_dma_regs *regs;
	uint64_t memory; /* gpa; 0 = it has none */
	uint32_t vector; /* and the next one: events */
	uint32_t taken, events; /* interrupts that were looked at */
	uint32_t irqs; /* as the device counts them */
	uint32_t errors;
};

static struct {
	bool open;
	uint32_t nr, active;
	struct engine engine[ABI_MAX_DMA];
} dma;

static void complain(const struct engine *e, const char *what)
{
	console_print("event warning dma engine %u: %s",
		      (uint32_t)(e - dma.engine), what);
}

/* Return: false if it does not become idle. */
static bool wait_idle(const struct engine *e)
{
	uint64_t end = rdtsc() + mul_div(tsc_hz(), PATIENCE_MS, 1000);

	while (e->regs->status != ABI_DMA_IDLE)
		if (rdtsc() >= end)
			return false;
	return true;
}

/* ---- setting up --------------------------------------------------------- */

static uint64_t memory_word(const struct engine *e, uint64_t at)
{
	return oracle_mix((uint64_t)(e - dma.engine) << 32 | at);
}

static void fill_memory(const struct engine *e)
{
	uint64_t at;

	for (at = 0; e->memory && at < ABI_DMA_MEMORY_BYTES; at += MEMORY_STEP)
		*(volatile uint64_t *)(e->memory + at) = memory_word(e, at);
}

static uint32_t bad_memory(const struct engine *e)
{
	uint32_t bad = 0;
	uint64_t at;

	for (at = 0; e->memory && at < ABI_DMA_MEMORY_BYTES; at += MEMORY_STEP)
		bad += *(volatile uint64_t *)(e->memory + at) !=
		       memory_word(e, at);
	return bad;
}

static const char *set_up_interrupts(struct engine *e, struct pci_function *f)
{
	const char *problem = pci_msix_open(f);
	uint32_t i;

	if (problem)
		return problem;
	if (f->nr_vectors < ABI_DMA_NR_VECTORS)
		return "it has too few vectors";
	for (i = 0; i < ABI_DMA_NR_VECTORS; i++) {
		pci_msix_set(f, i, cpu_boot.cpu.apic_id, e->vector + i);
		pci_msix_mask(f->table, i, false);
	}
	pci_msix_start(f);
	return NULL;
}

static const char *set_up(struct engine *e, struct pci_function *f)
{
	const struct pci_bar *memory = &f->bar[ABI_DMA_BAR_MEMORY];
	const char *problem = pci_enable(f);

	if (problem)
		return problem;
	if (f->bar[ABI_DMA_BAR_REGS].bytes < sizeof(struct abi_dma_regs))
		return "it has no registers";
	e->regs = (volatile struct abi_dma_regs *)f->bar[ABI_DMA_BAR_REGS].gpa;
	if (e->regs->magic != ABI_DMA_MAGIC ||
	    e->regs->version != ABI_DMA_VERSION)
		return "it is of another version";
	e->regs->control = 0;
	if (!wait_idle(e))
		return "it does not stop";
	if (memory->bytes >= ABI_DMA_MEMORY_BYTES)
		e->memory = memory->gpa;
	fill_memory(e);
	e->irqs = (uint32_t)e->regs->irqs_raised;
	e->regs->doorbell = e->irqs;
	return set_up_interrupts(e, f);
}

uint32_t dma_open(void)
{
	uint32_t devfn = 0, room = ABI_MAX_VCPUS - smp_nr_cpus();
	struct pci_function f;
	const char *problem;

	if (dma.open)
		return dma.nr;
	dma.open = true;
	irq_open();
	while (dma.nr < ABI_MAX_DMA && dma.nr < room &&
	       pci_find(&devfn, ABI_DMA_VENDOR, ABI_DMA_DEVICE, ABI_DMA_DEVICE,
			&f)) {
		struct engine *e = &dma.engine[dma.nr];

		e->vector = irq_loud_vector(dma.nr * ABI_DMA_NR_VECTORS);
		problem = set_up(e, &f);
		if (problem)
			complain(e, problem);
		else
			dma.nr++;
	}
	return dma.nr;
}

/* ---- working ------------------------------------------------------------ */

static void start(struct engine *e, uint32_t worker, uint64_t bytes_per_s,
		  bool check)
{
	volatile uint64_t *to = (volatile uint64_t *)&e->regs->oracle;
	const uint64_t *from = (const uint64_t *)&work.oracle;
	uint32_t i;

	if (!oracle_slice(&work.oracle, worker).nr_pages)
		return;
	for (i = 0; i < sizeof(work.oracle) / 8; i++)
		to[i] = from[i];
	e->regs->counter_gpa =
		(uint64_t)&work_line(&cpu_boot.cpu, worker)->steps;
	e->regs->steps = 0;
	e->regs->worker = worker;
	e->regs->rate_bytes_per_s = bytes_per_s;
	e->regs->irq_every = IRQ_EVERY;
	e->regs->control =
		ABI_DMA_CONTROL_RUN | (check ? ABI_DMA_CONTROL_CHECK : 0);
	if (e->regs->status == ABI_DMA_ERROR)
		complain(e, "it does not start");
}

void dma_start(uint32_t nr, uint64_t bytes_per_s, bool check)
{
	uint64_t share = nr ? bytes_per_s / nr : 0;
	uint32_t i;

	if (bytes_per_s && !share)
		share = 1;
	for (i = 0; i < nr; i++)
		start(&dma.engine[i], smp_nr_cpus() + i, share, check);
	dma.active = nr;
}

static void stop(struct engine *e, uint32_t worker)
{
	if (!wait_idle(e))
		complain(e, "it does not stop");
	else if (oracle_slice(&work.oracle, worker).nr_pages &&
		 e->regs->steps != work_line(&cpu_boot.cpu, worker)->steps)
		complain(e, "it has another count than it stored");
}

void dma_stop(void)
{
	uint32_t i;

	/* All are told before any is waited for. */
	for (i = 0; i < dma.active; i++)
		dma.engine[i].regs->control = 0;
	for (i = 0; i < dma.active; i++)
		stop(&dma.engine[i], smp_nr_cpus() + i);
	dma.active = 0;
}

static void look(struct engine *e)
{
	struct work_report report = { &cpu_boot.cpu, e->regs->bad_gfn,
				      e->regs->bad_visit };

	if (e->regs->status == ABI_DMA_ERROR) {
		e->errors++;
		complain(e, "a DMA failed");
	}
	if (e->regs->status != ABI_DMA_HELD)
		return;
	user_enter(work_report, &report);
	e->regs->release = 1;
}

/* Not only while they are active: an interrupt may come late. */
void dma_poll(void)
{
	uint32_t i, taken, events;

	for (i = 0; i < dma.nr; i++) {
		struct engine *e = &dma.engine[i];

		taken = irq_cpus[0].taken[e->vector];
		events = irq_cpus[0].taken[e->vector + 1];
		if (taken != e->taken) {
			e->irqs += taken - e->taken;
			e->taken = taken;
			e->regs->doorbell = e->irqs;
		}
		if (events != e->events) {
			e->events = events;
			look(e);
		}
	}
}

void dma_command(char *words)
{
	uint64_t written = 0, raised = 0, irqs = 0, wrong = 0, held = 0;
	uint32_t i, errors = 0, memory = 0, nr = dma_open();

	(void)words;
	dma_poll();
	for (i = 0; i < nr; i++) {
		const struct engine *e = &dma.engine[i];

		written += e->regs->pages_written;
		irqs += e->irqs;
		raised += e->regs->irqs_raised;
		wrong += e->regs->irqs_wrong;
		held += e->regs->nr_bad;
		errors += e->errors;
		memory += bad_memory(e);
	}
	console_print("ok dma devices=%u active=%u pages=%lu irqs=%lu "
		      "raised=%lu wrong=%lu bad=%lu errors=%u memory_bad=%u",
		      nr, dma.active, written, irqs, raised, wrong, held,
		      errors, memory);
}

_Static_assert(ABI_MAX_DMA *ABI_DMA_NR_VECTORS <= IRQ_NR_LOUD_VECTORS, "room");
