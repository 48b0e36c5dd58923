/* SPDX-License-Identifier: MIT */
/* Probes of instructions: what does one cost that may exit? */
#include "hv/l2.h"
#include "hv/probe.h"

#define MSR_APIC_BASE 0x1bu
#define MSR_PAT 0x277u
#define MSR_KERNEL_GS_BASE 0xc0000102u

static uint64_t value;

static void op_empty(void)
{
}

static void op_cpuid(void)
{
	cpuid(0, 0);
}

static void op_pause(void)
{
	pause();
}

static uint64_t nothing(void *arg)
{
	(void)arg;
	return 0;
}

static void op_ring3(void)
{
	user_enter(nothing, NULL);
}

/* For the host's watchdog: it must get over that. */
static void op_stuck(void)
{
	for (;;)
		pause();
}

static const char *missing_msr(uint32_t msr)
{
	return msr_read_safe(msr, &value) || msr_write_safe(msr, value)
		       ? "the msr faults"
		       : NULL;
}

/* Passed through by KVM on Intel and AMD. */
static const char *missing_passed(void)
{
	return missing_msr(MSR_KERNEL_GS_BASE);
}

static const char *missing_base(void)
{
	return msr_read_safe(MSR_APIC_BASE, &value) ? "the msr faults" : NULL;
}

/* Not passed through: KVM looks at what is written. */
static const char *missing_pat(void)
{
	return missing_msr(MSR_PAT);
}

static void op_read_passed(void)
{
	rdmsr(MSR_KERNEL_GS_BASE);
}

static void op_write_passed(void)
{
	wrmsr(MSR_KERNEL_GS_BASE, value);
}

static void op_read_base(void)
{
	rdmsr(MSR_APIC_BASE);
}

static void op_write_pat(void)
{
	wrmsr(MSR_PAT, value);
}

static void op_read_cr8(void)
{
	read_cr8();
}

static void op_write_cr8(void)
{
	write_cr8(0);
}

/* In L2 only: there somebody is known to take it. */
static void op_flush(void)
{
	l2_flush();
}

/* The first one is what the others are compared with. */
const struct probe probes_cpu[] = {
	{ "empty", PROBE_BOTH | PROBE_L2, .op = op_empty },
	{ "cpuid", PROBE_BOTH | PROBE_L2, .op = op_cpuid },
	{ "pause", PROBE_BOTH, .op = op_pause },
	{ "ring3_call", PROBE_RING0, .op = op_ring3 },
	{ "rdmsr_passed", PROBE_RING0 | PROBE_L2, missing_passed,
	  .op = op_read_passed },
	{ "wrmsr_passed", PROBE_RING0, missing_passed, .op = op_write_passed },
	{ "rdmsr_trapped", PROBE_RING0 | PROBE_L2, missing_base,
	  .op = op_read_base },
	{ "wrmsr_trapped", PROBE_RING0, missing_pat, .op = op_write_pat },
	{ "cr8_read", PROBE_RING0, .op = op_read_cr8 },
	{ "cr8_write", PROBE_RING0, .op = op_write_cr8 },
	{ "l2_flush", PROBE_RING0 | PROBE_HIDDEN | PROBE_L2, .op = op_flush },
	{ "stuck", PROBE_RING0 | PROBE_HIDDEN, .op = op_stuck },
	{ .name = NULL },
};
