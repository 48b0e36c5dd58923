/* SPDX-License-Identifier: MIT */
/* The workload as a whole: parameters, account of RAM, all vCPUs at once. */
#include "kern/epoch.h"

#include "classify.h"
#include "dev/dma_engine.h"
#include "hv/l2_work.h"
#include "kern/console.h"
#include "kern/control.h"
#include "kern/ram.h"
#include "kern/tempo.h"
#include "kern/worker.h"
#include "lib/string.h"
#include "work/work.h"
#include "x86/smp.h"
#include "x86/tsc.h"

#define MAX_BAD_EVENTS 16u

static struct {
	uint64_t used_pages; /* of work.all: written and not zeroed again */
	uint64_t start_tsc;
	uint32_t number; /* of the last epoch */
	bool stop_when_filled;
	uint32_t nr_dma;
	uint64_t dma_bytes_per_s;
	uint32_t bad_events;
} epoch;

uint64_t epoch_max_bytes(void)
{
	return work.nr_all_pages * ABI_PAGE_BYTES;
}

uint64_t epoch_fit_pages(const struct work_options *options)
{
	uint64_t pages = options->wss_bytes / ABI_PAGE_BYTES;

	if (!options->wss_bytes) {
		pages = ram_bytes() / 2 / ABI_PAGE_BYTES;
		if (pages > work.nr_all_pages)
			pages = work.nr_all_pages;
	}
	return pages <= work.nr_all_pages ? pages : 0;
}

static void job_stop(struct cpu *cpu)
{
	cpu->mode = CPU_IDLE;
	cpu->vcpu->phase = ABI_VCPU_IDLE;
}

static void stop_all(void)
{
	smp_call_all(job_stop);
	dma_stop();
	l2_work_close();
}

static void job_zero(struct cpu *cpu)
{
	user_enter(work_zero, cpu);
}

/* Pages that the next working set does not take become free, that is zero. */
static void release_pages(uint64_t keep_pages)
{
	if (epoch.used_pages <= keep_pages)
		return;
	work.zero_first = keep_pages;
	work.zero_end = epoch.used_pages;
	smp_call_all(job_zero);
	epoch.used_pages = keep_pages;
}

static void take_ranges(struct oracle *o, uint64_t nr_pages)
{
	uint32_t i;

	o->nr_pages = nr_pages;
	for (i = 0; nr_pages; i++) {
		o->range[i] = work.all[i];
		if (o->range[i].nr_pages > nr_pages)
			o->range[i].nr_pages = nr_pages;
		nr_pages -= o->range[i].nr_pages;
	}
	o->nr_ranges = i;
}

static void set_oracle(const struct work_options *options, uint64_t nr_pages)
{
	struct oracle o = {
		.seed = options->seed,
		.epoch = ++epoch.number,
		.nr_vcpus = smp_nr_cpus() + epoch.nr_dma,
		.nr_orders = options->nr_phases ? options->nr_phases : 1,
		.write = options->write,
		.content = options->content,
		.ratio = options->content == ORACLE_CONTENT_RATIO
				 ? options->ratio
				 : 0,
		.delta_bytes = options->write == ORACLE_WRITE_PAGE
				       ? options->delta_bytes
				       : 0,
	};
	uint32_t i;

	for (i = 0; i < o.nr_orders; i++)
		o.order[i] = phase_order(&options->phase[i]);
	take_ranges(&o, nr_pages);
	work.oracle = o;
	work.check = options->check;
}

static void mark_work(struct rammap *map)
{
	uint32_t i;

	for (i = 0; i < work.oracle.nr_ranges; i++) {
		const struct oracle_range *r = &work.oracle.range[i];

		rammap_mark(map, r->gfn << ABI_PAGE_SHIFT,
			    (r->gfn + r->nr_pages) << ABI_PAGE_SHIFT,
			    ABI_RAM_WORK);
	}
}

static void set_rates(struct abi_tempo *t, const struct work_phase *phase)
{
	uint32_t i;

	t->nr_rates = phase->nr_rates;
	for (i = 0; i < ABI_MAX_RATES; i++)
		t->rate_bytes_per_s[i] =
			i < t->nr_rates ? phase->rate_bytes_per_s[i] : 0;
}

static void set_tempo(struct abi_tempo *t, const struct work_phase *phase)
{
	bool burst = phase->pattern == ORACLE_BURST;

	t->duration_ms = phase->duration_ms;
	t->burst_on_ms = burst ? phase->burst_on_ms : 0;
	t->burst_off_ms = burst ? phase->burst_off_ms : 0;
	set_rates(t, phase);
}

static void publish(const struct work_options *options)
{
	struct abi_control *c = control_area();
	static struct rammap map;
	uint32_t i;

	map = *ram_account();
	mark_work(&map);
	control_begin_change();
	c->epoch = work.oracle;
	for (i = 0; i < work.oracle.nr_orders; i++)
		set_tempo(&c->tempo[i], &options->phase[i]);
	c->epoch_tsc = 0;
	c->check = options->check;
	c->nr_dma = epoch.nr_dma;
	control_write_ram(&map);
	control_end_change();
}

static void clear_dma_counters(void)
{
	uint32_t i;

	for (i = 0; i < epoch.nr_dma; i++)
		*work_line(&cpu_boot.cpu, smp_nr_cpus() + i) =
			(struct abi_vcpu){ 0 };
}

static void job_fill(struct cpu *cpu)
{
	struct oracle_slice s = oracle_slice(&work.oracle, cpu->index);
	struct abi_vcpu *v = cpu->vcpu;

	cpu->slice_first = s.first;
	cpu->slice_pages = s.nr_pages;
	cpu->fill_done = 0;
	v->steps = 0;
	v->filled = 0;
	v->wait_until_tsc = 0;
	v->wait_ticks = 0;
	tempo_reset(cpu);
	user_enter(work_begin, cpu);
	cpu->mode = CPU_FILL;
}

void epoch_start(const struct work_options *options)
{
	uint64_t nr_pages = epoch_fit_pages(options);

	stop_all();
	l2_work_open(options);
	epoch.nr_dma = options->dma ? dma_open() : 0;
	epoch.dma_bytes_per_s = options->dma_bytes_per_s;
	release_pages(nr_pages);
	if (epoch.used_pages < nr_pages)
		epoch.used_pages = nr_pages;
	set_oracle(options, nr_pages);
	/* No reader is to take the last epoch's counters for this one's. */
	control_set_state(ABI_STATE_FILLING);
	publish(options);
	clear_dma_counters();
	tempo_prepare();
	epoch.stop_when_filled = options->stop;
	epoch.start_tsc = rdtsc();
	smp_call_all(job_fill);
}

static void job_run(struct cpu *cpu)
{
	cpu->vcpu->step_tsc = rdtsc();
	worker_set_rate(cpu);
	if (!cpu->slice_pages)
		return;
	tempo_look(cpu, control_area()->epoch_tsc);
	cpu->mode = CPU_RUN;
}

static bool all_filled(void)
{
	uint32_t i;

	for (i = 0; i < smp_nr_cpus(); i++)
		if (!smp_cpu(i)->fill_done)
			return false;
	return true;
}

static void epoch_filled(void)
{
	struct abi_control *c = control_area();

	control_begin_change();
	c->epoch_tsc = rdtsc();
	control_end_change();
	if (epoch.stop_when_filled) {
		control_set_state(ABI_STATE_STOPPED);
	} else {
		control_set_state(ABI_STATE_RUNNING);
		smp_call_all(job_run);
		dma_start(epoch.nr_dma, epoch.dma_bytes_per_s, c->check);
	}
	console_print("event filled epoch=%u pages=%lu ms=%lu", c->epoch.epoch,
		      c->epoch.nr_pages,
		      tsc_to_us(c->epoch_tsc - epoch.start_tsc) / 1000);
}

static void print_bad(struct cpu *cpu)
{
	while (cpu->bad_printed < cpu->bad->nr &&
	       cpu->bad_printed < ABI_BAD_ENTRIES &&
	       epoch.bad_events < MAX_BAD_EVENTS) {
		const struct abi_bad *b = &cpu->bad->entry[cpu->bad_printed++];

		epoch.bad_events++;
		console_print("event bad gfn=0x%lx class=%s visit=%lu "
			      "found=%lu by=%s offset=%u bytes=%u",
			      b->gfn, oracle_class_name(b->kind),
			      b->expected_visit, b->found,
			      b->found_by == ABI_FOUND_INLINE ? "inline"
							      : "verify",
			      b->first_offset, b->nr_bytes);
	}
}

void epoch_poll(void)
{
	uint32_t i;

	dma_poll();
	l2_work_poll();
	if (control_area()->state == ABI_STATE_FILLING && all_filled())
		epoch_filled();
	for (i = 0; i < smp_nr_cpus(); i++)
		print_bad(smp_cpu(i));
}

uint64_t epoch_stop(void)
{
	stop_all();
	control_set_state(ABI_STATE_STOPPED);
	return epoch_totals().steps;
}

static void job_set_rate(struct cpu *cpu)
{
	worker_set_rate(cpu);
}

uint64_t epoch_target_bytes_per_s(void)
{
	const struct abi_tempo *t = &control_area()->tempo[cpu_boot.cpu.phase];
	uint64_t sum = 0, rate;
	uint32_t i;

	if (t->nr_rates < 2)
		return t->rate_bytes_per_s[0];
	for (i = 0; i < smp_nr_cpus(); i++) {
		rate = t->rate_bytes_per_s[i % t->nr_rates];
		if (!rate)
			return 0;
		sum += rate;
	}
	return sum;
}

void epoch_set_rate(const struct work_phase *phase)
{
	uint32_t i;

	for (i = 0; i < ORACLE_MAX_ORDERS; i++)
		set_rates(&control_area()->tempo[i], phase);
	if (control_area()->state == ABI_STATE_RUNNING)
		smp_call_all(job_set_rate);
}

struct epoch_totals epoch_totals(void)
{
	struct epoch_totals t = { 0 };
	uint32_t i;

	for (i = 0; i < smp_nr_cpus(); i++) {
		const struct abi_vcpu *v = smp_cpu(i)->vcpu;

		t.steps += v->steps;
		t.filled += v->filled;
		t.bad += v->nr_bad;
	}
	for (i = 0; i < epoch.nr_dma; i++)
		t.filled += work_line(&cpu_boot.cpu, smp_nr_cpus() + i)->filled;
	return t;
}

static void job_verify(struct cpu *cpu)
{
	cpu->vcpu->phase = ABI_VCPU_VERIFY;
	user_enter(work_verify, cpu);
	cpu->vcpu->phase = ABI_VCPU_IDLE;
}

void epoch_verify(uint64_t *ret_pages, uint64_t *ret_bad)
{
	uint32_t i;

	smp_call_all(job_verify);
	*ret_pages = *ret_bad = 0;
	for (i = 0; i < smp_nr_cpus(); i++) {
		*ret_pages += smp_cpu(i)->result[0];
		*ret_bad += smp_cpu(i)->result[1];
	}
}

static void job_bench(struct cpu *cpu)
{
	user_enter(work_bench, cpu);
}

void epoch_bench(uint64_t ms, uint64_t *ret_stores_per_s, uint64_t *ret_pages)
{
	struct work_options options;
	uint64_t nr_pages = epoch.used_pages;
	uint32_t i;

	stop_all();
	epoch.nr_dma = 0;
	options_init(&options);
	if (!nr_pages)
		nr_pages = epoch_fit_pages(&options);
	control_set_state(ABI_STATE_BOOTING);
	epoch.used_pages = nr_pages;
	work.bench_pages = nr_pages;
	work.bench_ticks = mul_div(ms, tsc_hz(), 1000);
	smp_call_all(job_bench);
	*ret_stores_per_s = 0;
	for (i = 0; i < smp_nr_cpus(); i++)
		*ret_stores_per_s += mul_div(smp_cpu(i)->result[0], tsc_hz(),
					     smp_cpu(i)->result[1]);
	*ret_pages = nr_pages;
	release_pages(0);
	control_begin_change();
	control_area()->epoch = (struct oracle){ 0 };
	control_area()->nr_dma = 0;
	control_write_ram(ram_account());
	control_end_change();
	control_set_state(ABI_STATE_READY);
}
