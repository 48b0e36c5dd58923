/* SPDX-License-Identifier: MIT */
/* Checks of leaves, registers and clocks; the steps: hv_checks.h. */
#include "hv/hyperv.h"

#include <stddef.h>

#include "lib/string.h"
#include "x86/apic.h"
#include "x86/cpu.h"
#include "x86/smp.h"
#include "x86/tsc.h"

/* Microsecond, in units of the reference clock. */
#define US 10u
#define NO_CALL 0xfffu
/* Of what is measured here against something else: 1/64. */
#define NEAR_SHIFT 6

struct hyperv_found hyperv_found;

/* When time_ref was last done: also before a migration. */
static uint64_t last_ref;

void hyperv_see(uint32_t step, bool holds, uint64_t saw, uint64_t wanted)
{
	struct hyperv_found *f = &hyperv_found;

	if (holds || f->step)
		return;
	f->step = step;
	f->saw = saw;
	f->wanted = wanted;
}

void hyperv_equal(uint32_t step, uint64_t saw, uint64_t wanted)
{
	hyperv_see(step, saw == wanted, saw, wanted);
}

void hyperv_at_least(uint32_t step, uint64_t saw, uint64_t wanted)
{
	hyperv_see(step, saw >= wanted, saw, wanted);
}

#define see hyperv_see
#define equal hyperv_equal
#define at_least hyperv_at_least
#define get hyperv_get
#define put hyperv_put

uint64_t hyperv_get(uint32_t msr)
{
	uint64_t value = 0;

	see(HV_STEP_FAULT, !msr_read_safe(msr, &value), msr, 0);
	return value;
}

void hyperv_put(uint32_t msr, uint64_t value)
{
	see(HV_STEP_FAULT, !msr_write_safe(msr, value), msr, value);
}

/* Others' interrupts don't wake this vCPU: it looks now and then. */
bool hyperv_await(const volatile uint32_t *count, uint32_t before, uint32_t us)
{
	uint64_t now = rdtsc();
	uint64_t end = now + mul_div(tsc_hz(), us, 1000000);

	while (*count == before) {
		now = rdtsc();
		if (now >= end)
			return false;
		apic_timer_arm(now + (tsc_hz() >> 11));
		halt_for_interrupt();
	}
	return true;
}

static void sleep_us(uint32_t us)
{
	const uint32_t never = 0;

	hyperv_await(&never, 0, us);
}

static void near(uint32_t step, uint64_t saw, uint64_t wanted)
{
	uint64_t apart = saw < wanted ? wanted - saw : saw - wanted;

	see(step, apart <= wanted >> NEAR_SHIFT, saw, wanted);
}

static void leaves(void)
{
	/* By bits of EAX: registers that must be there to be read. */
	static const uint8_t msrs[] = { 0x10, 0x20, 0x80, 0xb0, 0x73, 0x01,
					0x02, 0xff, 0xff, 0x21, 0xff, 0x22 };
	uint32_t i, max = cpuid(HV_LEAF_VENDOR, 0).eax;

	see(1, max >= HV_LEAF_LIMITS && max <= HV_LEAF_VENDOR + 0xff, max,
	    HV_LEAF_LIMITS);
	see(2, hyperv_word[0] & HV_HAS_HYPERCALL, hyperv_word[0],
	    HV_HAS_HYPERCALL);
	for (i = 0; i < sizeof(msrs); i++)
		if (hyperv_word[0] >> i & 1 && msrs[i] != 0xff)
			get(HV_MSR_FIRST + msrs[i]);
}

/* The page that @msr places is enabled where @page says, or not at all. */
static void placed(uint32_t step, uint32_t msr, uint64_t page)
{
	uint64_t value = get(msr);

	equal(step, value & HV_PAGE_ENABLED ? value : 0, page);
}

static void place(uint32_t step, uint32_t msr, uint64_t page)
{
	put(msr, page);
	placed(step, msr, page);
}

static uint64_t page_at(enum hyperv_page page)
{
	return (uint64_t)hyperv_pages[page] | HV_PAGE_ENABLED;
}

static void os_id(void)
{
	uint64_t page = page_at(HYPERV_CALL);

	equal(1, get(HV_MSR_GUEST_OS_ID), HYPERV_OS_ID);
	put(HV_MSR_GUEST_OS_ID, 0);
	equal(2, get(HV_MSR_GUEST_OS_ID), 0);
	/* Who is nobody makes no calls. */
	placed(3, HV_MSR_HYPERCALL, 0);
	put(HV_MSR_HYPERCALL, page);
	placed(4, HV_MSR_HYPERCALL, 0);
	put(HV_MSR_GUEST_OS_ID, HYPERV_OS_ID);
	put(HV_MSR_HYPERCALL, page);
}

/* Has it written RAX? */
static void works(uint32_t step, enum hyperv_page page)
{
	if (!hyperv_found.step)
		see(step,
		    call_hypercall((uint64_t)hyperv_pages[page], NO_CALL, 0,
				   0) != ~0ull,
		    0, 0);
}

static void hypercall(void)
{
	placed(1, HV_MSR_HYPERCALL, page_at(HYPERV_CALL));
	works(2, HYPERV_CALL);
	place(3, HV_MSR_HYPERCALL, 0);
	place(4, HV_MSR_HYPERCALL, page_at(HYPERV_SPARE));
	works(5, HYPERV_SPARE);
	put(HV_MSR_HYPERCALL, page_at(HYPERV_CALL));
}

static void bad_calls(void)
{
	uint64_t status = hyperv_call(NO_CALL, 0, 0) & 0xffff;

	equal(1, status, HV_STATUS_INVALID_CODE);
	if (hyperv_word[4] & HV_ADVISES_CLUSTER_IPI) {
		/* No vector below 16. */
		status = hyperv_send(1, 1) & 0xffff;
		see(2,
		    status == HV_STATUS_INVALID_PARAMETER ||
			    status == HV_STATUS_INVALID_INPUT,
		    status, HV_STATUS_INVALID_PARAMETER);
	}
}

static void vp_assist(void)
{
	uint32_t *page = (uint32_t *)hyperv_pages[HYPERV_ASSIST];

	place(1, HV_MSR_VP_ASSIST_PAGE, 0);
	memset(page, 0x5a, 4096);
	place(2, HV_MSR_VP_ASSIST_PAGE, page_at(HYPERV_ASSIST));
	/* "No EOI required" is not so yet; the rest is ours. */
	equal(3, page[0] & 1, 0);
	equal(4, page[1023], 0x5a5a5a5a);
	memset(page, 0, 4096);
}

static void vp_runtime(void)
{
	uint64_t start = rdtsc(), first = get(HV_MSR_VP_RUNTIME), now, ticks;

	do {
		now = get(HV_MSR_VP_RUNTIME);
		ticks = rdtsc() - start;
	} while (now == first && ticks < tsc_hz() / 4);
	at_least(1, now, first + 1);
	/* Not more than there was; the kernel counts in ticks of its own. */
	ticks = mul_div(ticks, HV_CLOCK_HZ, tsc_hz()) + 20000 * US;
	at_least(2, ticks, now - first);
}

static void apic_frequency(void)
{
	uint64_t best = 0, start, hz;
	uint32_t i, counted;

	for (i = 0; i < 4; i++) {
		start = rdtsc();
		counted = ~apic_count_down(start + tsc_hz() / 50);
		hz = mul_div(counted, tsc_hz(), rdtsc() - start);
		if (hz > best)
			best = hz;
	}
	apic_timer_start();
	near(1, get(HV_MSR_APIC_FREQUENCY), best);
}

/* @tries readings, each between two of the page. */
static void between(uint32_t step, uint32_t tries)
{
	uint64_t low, ref, high;

	for (; tries && !hyperv_found.step; tries--) {
		low = hyperv_page_time();
		ref = get(HV_MSR_TIME_REF_COUNT);
		high = hyperv_page_time();
		at_least(step, ref + US, low);
		at_least(step + 1, high + US, ref);
		hyperv_found.tries++;
	}
}

static void tsc_page(void)
{
	const struct hv_tsc_page *page =
		(const struct hv_tsc_page *)hyperv_pages[HYPERV_TSC];
	uint64_t value;

	placed(1, HV_MSR_REFERENCE_TSC, page_at(HYPERV_TSC));
	if (!page->sequence) {
		hyperv_found.skip = "sequence 0";
		return;
	}
	value = (uint64_t)((unsigned __int128)tsc_hz() * page->scale >> 64);
	near(2, value, HV_CLOCK_HZ);
	between(3, 10);
}

static void read_ref(struct cpu *cpu)
{
	cpu->result[0] = rdmsr(HV_MSR_TIME_REF_COUNT);
}

static void time_ref(void)
{
	uint64_t start, ref, ticks, now;
	uint32_t i, k;

	start = rdtsc();
	ref = get(HV_MSR_TIME_REF_COUNT);
	at_least(1, ref, last_ref);
	sleep_us(20000);
	ticks = rdtsc() - start;
	near(2, get(HV_MSR_TIME_REF_COUNT) - ref,
	     mul_div(ticks, HV_CLOCK_HZ, tsc_hz()));
	for (i = 0; i < 20 && !hyperv_found.step; i++) {
		ref = get(HV_MSR_TIME_REF_COUNT);
		smp_call_all(read_ref);
		now = get(HV_MSR_TIME_REF_COUNT);
		for (k = 0; k < smp_nr_cpus(); k++) {
			uint64_t other = smp_cpu(k)->result[0];

			see(3, ref <= other && other <= now, other, ref);
		}
	}
	/* Without a page there is nothing to lie between. */
	if (hyperv_page_time())
		between(4, HV_TIME_REF_TRIES);
	last_ref = get(HV_MSR_TIME_REF_COUNT);
}

void hyperv_check(enum hv_check check)
{
	switch (check) {
	case HV_CHECK_leaves:
		leaves();
		return;
	case HV_CHECK_os_id:
		os_id();
		return;
	case HV_CHECK_hypercall:
		hypercall();
		return;
	case HV_CHECK_bad_calls:
		bad_calls();
		return;
	case HV_CHECK_vp_assist:
		vp_assist();
		return;
	case HV_CHECK_vp_runtime:
		vp_runtime();
		return;
	case HV_CHECK_tsc_frequency:
		near(1, get(HV_MSR_TSC_FREQUENCY), tsc_hz());
		return;
	case HV_CHECK_apic_frequency:
		apic_frequency();
		return;
	case HV_CHECK_tsc_page:
		tsc_page();
		return;
	case HV_CHECK_time_ref:
		time_ref();
		return;
	case HV_CHECK_vp_index:
	case HV_CHECK_ipi:
	case HV_CHECK_flush:
		hyperv_check_smp(check);
		return;
	default:
		hyperv_check_synic(check);
	}
}
