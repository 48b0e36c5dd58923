/* SPDX-License-Identifier: MIT */
/* The console's `vmx`, and what its instructions cost. */
#include "hv/vmx.h"

#include <stddef.h>

#include "hv/probe.h"
#include "kern/console.h"
#include "lib/string.h"
#include "lib/words.h"
#include "x86/insn_vmx.h"

#define EVMCS (VMX_EVMCS | VMX_MSR_BITMAP)

static const struct {
	const char *name;
	uint32_t flags;
} variants[] = {
	{ "plain", 0 },
	{ "msr-bitmap", VMX_MSR_BITMAP },
	{ "two", VMX_MSR_BITMAP | VMX_TWO },
	{ "evmcs", EVMCS },
	{ "evmcs-never-clean", EVMCS | VMX_CLEAN_NEVER },
	{ "evmcs-forgotten", EVMCS | VMX_CLEAN_FORGET },
	{ "evmcs-msr-bitmap", EVMCS | VMX_EVMCS_BITMAP },
	{ "evmcs-direct-flush", EVMCS | VMX_DIRECT_FLUSH },
	{ "evmcs-two", EVMCS | VMX_TWO },
};

#define NR_VARIANTS (sizeof(variants) / sizeof(variants[0]))

static uint64_t l2_time(void *arg)
{
	uint64_t best = UINT64_MAX, start, ticks, i;

	(void)arg;
	for (i = 0; i < 100; i++) {
		start = probe_tsc();
		cpuid(0, 0);
		ticks = probe_tsc() - start;
		best = ticks < best ? ticks : best;
	}
	return best;
}

static void try(const char *name, uint32_t flags)
{
	const char *why = vmx_flags_missing(flags);
	uint64_t ticks = 0;

	if (why) {
		console_print("ok variant=%s skip=%s", name, why);
		return;
	}
	why = vmx_start(flags);
	if (!why)
		why = vmx_prove();
	if (!why)
		why = vmx_call(l2_time, NULL, &ticks);
	vmx_stop();
	if (why)
		console_print("error variant=%s detail=%lu %s", name,
			      vmx_run.detail, why);
	else
		console_print("ok variant=%s cpuid=%lu", name, ticks);
}

void vmx_command(char *words)
{
	char *name = words_next(&words);
	uint32_t i;

	for (i = 0; i < NR_VARIANTS; i++)
		if (!name || string_equal(name, variants[i].name))
			try(variants[i].name, variants[i].flags);
}
