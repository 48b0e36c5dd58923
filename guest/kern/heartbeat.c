/* SPDX-License-Identifier: MIT */
/* Clocks side by side (abi/beat.h). Source: Hyper-V TLFS, 12.4. */
#include "kern/heartbeat.h"

#include "kern/console.h"
#include "kern/control.h"
#include "lib/string.h"
#include "lib/words.h"
#include "x86/cpu.h"
#include "x86/tsc.h"

#define HV_INTERFACE 0x31237648u /* "Hv#1" */
#define HV_HAS_REF_COUNT (1u << 1)
#define MSR_HV_REF_COUNT 0x40000020u
#define MSR_TSC_ADJUST 0x3bu
#define CLOCK_MAX_MS 3600000u

static uint64_t next = UINT64_MAX; /* as told, with the shift */

static struct abi_beat_log *log_area(void)
{
	struct abi_control *c = control_area();

	return (struct abi_beat_log *)((uint64_t)c + c->beat_offset);
}

static uint64_t told_tsc(void)
{
	return rdtsc() + log_area()->shift_ticks;
}

static bool has_hv(void)
{
	return cpuid(0x40000000, 0).eax >= 0x40000003 &&
	       cpuid(0x40000001, 0).eax == HV_INTERFACE &&
	       (cpuid(0x40000003, 0).eax & HV_HAS_REF_COUNT);
}

void heartbeat_set(uint64_t ms)
{
	struct abi_beat_log *l = log_area();

	l->clocks = 0;
	if (kvmclock_switch(ms))
		l->clocks |= ABI_CLOCK_KVM;
	if (has_hv())
		l->clocks |= ABI_CLOCK_HV;
	l->period_ticks = mul_div(ms, tsc_hz(), 1000);
	next = ms ? told_tsc() + l->period_ticks : UINT64_MAX;
}

/* Return: true if the TSC itself moved; where it cannot be written, what the
 * heartbeat takes for it does. */
static bool shift_tsc(uint64_t ms)
{
	uint64_t ticks = mul_div(ms, tsc_hz(), 1000), before = rdtsc(), adjust;

	if (!msr_read_safe(MSR_TSC_ADJUST, &adjust) &&
	    !msr_write_safe(MSR_TSC_ADJUST, adjust + ticks) &&
	    rdtsc() - before >= ticks)
		return true;
	log_area()->shift_ticks += ticks;
	return false;
}

static void beat(struct abi_beat_log *l, uint64_t now)
{
	struct abi_beat b = { .tsc = now, .due_tsc = next };

	if (l->clocks & ABI_CLOCK_KVM)
		b.kvm_ns = kvmclock_ns();
	if (l->clocks & ABI_CLOCK_HV)
		msr_read_safe(MSR_HV_REF_COUNT, &b.hv_100ns);
	l->beat[l->nr % ABI_BEATS] = b;
	compiler_barrier();
	l->nr++;
	console_print("event heartbeat nr=%lu tsc=%lu late_us=%lu lost=%lu "
		      "kvm_ns=%lu hv_100ns=%lu",
		      l->nr, now, tsc_to_us(now - next), l->lost, b.kvm_ns,
		      b.hv_100ns);
}

void heartbeat_poll(void)
{
	struct abi_beat_log *l = log_area();
	uint64_t now, missed;

	if (next == UINT64_MAX)
		return;
	now = told_tsc();
	/* A TSC that stepped back: from here on, then. */
	if (now + l->period_ticks < next)
		next = now;
	if (now < next)
		return;
	missed = (now - next) / l->period_ticks;
	l->lost += missed;
	beat(l, now);
	next += (missed + 1) * l->period_ticks;
}

uint64_t heartbeat_next(void)
{
	return next == UINT64_MAX ? next : next - log_area()->shift_ticks;
}

bool heartbeat_command(const char *key, const char *value)
{
	bool shift = string_equal(key, "tsc_shift");
	uint64_t ms;

	if (!shift && !string_equal(key, "heartbeat"))
		return false;
	if (!words_time(value, &ms) || ms > CLOCK_MAX_MS) {
		console_print("error %s=%s does not fit", key, value);
	} else if (shift) {
		console_print("ok moved=%s", shift_tsc(ms) ? "tsc" : "reading");
	} else {
		heartbeat_set(ms);
		console_print("ok heartbeat_ms=%lu", ms);
	}
	return true;
}
