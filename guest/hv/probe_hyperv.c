/* SPDX-License-Identifier: MIT */
/* Probes of what Hyper-V's interface offers instead of an exit, or as one. */
#include "hv/hyperv.h"
#include "hv/probe.h"
#include "x86/smp.h"

static const char *missing_call(void)
{
	return hyperv_lacks(0, HV_HAS_HYPERCALL);
}

static const char *missing_flush(void)
{
	return hyperv_lacks(4, HV_ADVISES_REMOTE_FLUSH);
}

static const char *missing_ipi(void)
{
	return smp_nr_cpus() < 2 ? "no other vcpu"
				 : hyperv_lacks(4, HV_ADVISES_CLUSTER_IPI);
}

static const char *missing_ref(void)
{
	return hyperv_lacks(0, HV_HAS_TIME_REF);
}

static const char *missing_page(void)
{
	return hyperv_lacks(0, HV_HAS_TSC_PAGE);
}

static const char *missing_eoi(void)
{
	return hyperv_lacks(0, HV_HAS_APIC_MSRS);
}

/* No such call: what the way there and back costs. */
static void op_call(void)
{
	hyperv_call(0xfff, 0, 0);
}

static void op_flush(void)
{
	hyperv_flush();
}

static void op_ref(void)
{
	rdmsr(HV_MSR_TIME_REF_COUNT);
}

static void op_page(void)
{
	hyperv_page_time();
}

static void op_eoi(void)
{
	wrmsr(HV_MSR_EOI, 0);
}

static uint64_t target;

static void read_index(struct cpu *cpu)
{
	cpu->result[0] = rdmsr(HV_MSR_VP_INDEX);
}

static void begin_ipi(void)
{
	hyperv_open();
	smp_call_all(read_index);
	target = 1ull << (smp_cpu(1)->result[0] & 63);
}

/* As ipi_halted. */
static uint64_t sample_ipi(void)
{
	const struct cpu *other = smp_cpu(1);
	uint32_t taken = probe_taken(other);
	uint64_t start;

	probe_settle();
	start = probe_tsc();
	hyperv_send(VECTOR_PROBE, target);
	return probe_spin(other, taken, false) ? probe_tsc() - start
					       : PROBE_END;
}

const struct probe probes_hyperv[] = {
	{ "hv_call", PROBE_RING0, missing_call, hyperv_open, hyperv_close,
	  .op = op_call },
	{ "hv_flush", PROBE_RING0, missing_flush, hyperv_open, hyperv_close,
	  .op = op_flush },
	{ "hv_ipi_halted", PROBE_RING0, missing_ipi, begin_ipi, hyperv_close,
	  .sample = sample_ipi },
	{ "hv_time_ref", PROBE_RING0, missing_ref, hyperv_open, hyperv_close,
	  .op = op_ref },
	{ "hv_tsc_page", PROBE_BOTH, missing_page, hyperv_open, hyperv_close,
	  .op = op_page },
	{ "hv_eoi", PROBE_RING0, missing_eoi, hyperv_open, hyperv_close,
	  .op = op_eoi },
	{ .name = NULL },
};
