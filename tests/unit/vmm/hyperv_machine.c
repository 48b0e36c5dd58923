/* SPDX-License-Identifier: MIT */
/* A machine made up for the model of Hyper-V. */
#include "hyperv_machine.h"

#include <stdlib.h>
#include <string.h>

static void *memory(void *ctx, uint64_t gpa, uint64_t bytes)
{
	struct machine *m = ctx;

	if (gpa > RAM_BYTES || bytes > RAM_BYTES - gpa)
		return NULL;
	return m->ram + gpa;
}

static void wrote(void *ctx, uint64_t gpa, uint64_t bytes)
{
	struct machine *m = ctx;

	assert_true(bytes && gpa + bytes <= RAM_BYTES);
	m->wrote |= 1ull << gpa / 4096;
}

static uint64_t tsc(void *ctx)
{
	return ((struct machine *)ctx)->tsc;
}

static void interrupt(void *ctx, unsigned int vp, uint8_t vector)
{
	struct machine *m = ctx;

	assert_true(vp < m->hv.nr_vps);
	m->nr_interrupts++;
	m->last_vp = vp;
	m->last_vector = vector;
}

static void flush(void *ctx, uint64_t vps)
{
	struct machine *m = ctx;

	m->nr_flushes++;
	m->flushed = vps;
}

static void rearm(void *ctx)
{
	((struct machine *)ctx)->nr_rearms++;
}

static uint64_t runtime(void *ctx, unsigned int vp)
{
	return machine_now(ctx) + vp;
}

static int apic_read(void *ctx, unsigned int vp, uint32_t msr, uint64_t *ret)
{
	struct machine *m = ctx;

	*ret = m->apic_value;
	return m->no_apic ? -1 : 0;
}

static int apic_write(void *ctx, unsigned int vp, uint32_t msr, uint64_t value)
{
	struct machine *m = ctx;

	m->apic_msr = msr;
	m->apic_value = value;
	return m->no_apic ? -1 : 0;
}

static const struct hv_ops ops = {
	.memory = memory,
	.wrote = wrote,
	.tsc = tsc,
	.interrupt = interrupt,
	.flush = flush,
	.rearm = rearm,
	.runtime = runtime,
	.apic_read = apic_read,
	.apic_write = apic_write,
};

struct machine *machine_create(unsigned int nr_vps, uint32_t features,
			       enum hv_break broken)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->ram = malloc(RAM_BYTES);
	assert_non_null(m->ram);
	memset(m->ram, 0xee, RAM_BYTES);
	hv_model_init(&m->hv, nr_vps, features, broken);
	m->hv.ops = &ops;
	m->hv.ctx = m;
	m->hv.tsc_hz = TSC_HZ;
	m->hv.apic_hz = 25000000;
	m->tsc = 12345678;
	hv_clock_start(&m->hv.clock, TSC_HZ, m->tsc, 0);
	return m;
}

void machine_destroy(struct machine *m)
{
	free(m->ram);
	free(m);
}

uint64_t machine_now(const struct machine *m)
{
	return hv_clock_at(&m->hv.clock, m->tsc);
}

void machine_pass(struct machine *m, uint64_t ref)
{
	m->tsc += ref * TICKS_100NS;
	hv_timer_expire(&m->hv, machine_now(m));
}

void must_write(struct machine *m, unsigned int vp, uint32_t msr,
		uint64_t value)
{
	assert_int_equal(hv_msr_write(&m->hv, vp, msr, value), 0);
}

uint64_t must_read(struct machine *m, unsigned int vp, uint32_t msr)
{
	uint64_t value = 0;

	assert_int_equal(hv_msr_read(&m->hv, vp, msr, &value), 0);
	return value;
}

void machine_open_calls(struct machine *m)
{
	must_write(m, 0, HV_MSR_GUEST_OS_ID, 0x1001);
	must_write(m, 0, HV_MSR_HYPERCALL, 0x1000 | HV_PAGE_ENABLED);
}

void machine_open_synic(struct machine *m, unsigned int vp)
{
	must_write(m, vp, HV_MSR_SIMP, 0x2000 | HV_PAGE_ENABLED);
	must_write(m, vp, HV_MSR_SIEFP, 0x3000 | HV_PAGE_ENABLED);
	must_write(m, vp, HV_MSR_SINT0 + 2, 0x50);
	must_write(m, vp, HV_MSR_SCONTROL, HV_SCONTROL_ENABLED);
}

struct hv_message *machine_message(struct machine *m, unsigned int sint)
{
	return (struct hv_message *)(m->ram + 0x2000) + sint;
}
