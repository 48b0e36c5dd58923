/* SPDX-License-Identifier: MIT */
/*
 * The steps of the guest's checks (guest/hv/hyperv_check.c, hyperv_synic.c,
 * hyperv_smp.c) in words. Source: Microsoft, Hypervisor Top-Level Functional
 * Specification (TLFS), by the titles of its sections.
 */
#include "drive/hv_steps.h"

#include <stddef.h>

#define NAME(name, word, bits) #name,
static const char *const names[] = { HV_CHECKS(NAME) };
#undef NAME

static const char *const sections[] = {
	[HV_CHECK_leaves] = "Hypervisor Feature and Interface Discovery",
	[HV_CHECK_os_id] = "Reporting the Guest OS Identity",
	[HV_CHECK_hypercall] = "Establishing the Hypercall Interface",
	[HV_CHECK_bad_calls] = "Hypercall Status Codes",
	[HV_CHECK_vp_index] = "Virtual Processor Index",
	[HV_CHECK_vp_assist] = "Virtual Processor Assist Page",
	[HV_CHECK_vp_runtime] = "Virtual Processor Run Time Register",
	[HV_CHECK_tsc_frequency] = "Frequency MSRs",
	[HV_CHECK_apic_frequency] = "Frequency MSRs",
	[HV_CHECK_tsc_page] = "Partition Reference TSC Mechanism",
	[HV_CHECK_time_ref] = "Partition Reference Counter MSR",
	[HV_CHECK_message] = "SIM Page; Synthetic Timer Expiration Messages",
	[HV_CHECK_event] = "SynIC Event Flags; HvCallSignalEvent",
	[HV_CHECK_stimer_once] = "Synthetic Timers",
	[HV_CHECK_stimer_periodic] = "Synthetic Timers",
	[HV_CHECK_stimer_direct] = "Direct Synthetic Timers",
	[HV_CHECK_ipi] = "HvCallSendSyntheticClusterIpi",
	[HV_CHECK_flush] = "HvCallFlushVirtualAddressSpace",
};

_Static_assert(sizeof(sections) / sizeof(sections[0]) == HV_NR_CHECKS,
	       "one each");

#define STIMER(check)                                                          \
	{ HV_CHECK_##check, 1,                                                 \
	  "a count does not enable an auto-enable "                            \
	  "timer" },                                                           \
		{ HV_CHECK_##check, 2, "no interrupt came within a second" },  \
		{ HV_CHECK_##check, 3, "it expired before its time" },         \
		{ HV_CHECK_##check, 4,                                         \
		  "it is still enabled after it expired" },                    \
		{ HV_CHECK_##check, 5,                                         \
		  "what lies in the message slot is not what "                 \
		  "such a timer leaves there" },                               \
	{                                                                      \
		HV_CHECK_##check, 6, "it fired more than once"                 \
	}

static const struct {
	enum hv_check check;
	unsigned int step;
	const char *sentence;
} steps[] = {
	{ HV_CHECK_leaves, 1, "the greatest leaf is not 0x40000005 or above" },
	{ HV_CHECK_leaves, 2,
	  "hypercall registers are not offered, which all "
	  "else needs" },
	{ HV_CHECK_os_id, 1, "the identity is not what was written" },
	{ HV_CHECK_os_id, 2, "an identity of 0 is not kept" },
	{ HV_CHECK_os_id, 3, "the hypercall page outlives the identity" },
	{ HV_CHECK_os_id, 4,
	  "the hypercall page can be enabled without an "
	  "identity" },
	{ HV_CHECK_hypercall, 1, "the page is not where it was put" },
	{ HV_CHECK_hypercall, 2, "a call by the page does nothing" },
	{ HV_CHECK_hypercall, 3, "the page cannot be disabled" },
	{ HV_CHECK_hypercall, 4, "the page cannot be moved" },
	{ HV_CHECK_hypercall, 5,
	  "a call by the page that was moved does "
	  "nothing" },
	{ HV_CHECK_bad_calls, 1, "a code that is none is not refused as such" },
	{ HV_CHECK_bad_calls, 2, "an interrupt with vector 1 is not refused" },
	{ HV_CHECK_vp_index, 1, "a vCPU's index is another one each time" },
	{ HV_CHECK_vp_index, 2, "an index is above the limit of the leaves" },
	{ HV_CHECK_vp_index, 3, "two vCPUs have the same index" },
	{ HV_CHECK_vp_assist, 1, "the page cannot be disabled" },
	{ HV_CHECK_vp_assist, 2, "the page is not where it was put" },
	{ HV_CHECK_vp_assist, 3,
	  "it says that no EOI is needed from the "
	  "first" },
	{ HV_CHECK_vp_assist, 4, "what the guest has in the page is gone" },
	{ HV_CHECK_vp_runtime, 1, "it does not grow in 250 ms" },
	{ HV_CHECK_vp_runtime, 2, "it grows faster than time" },
	{ HV_CHECK_tsc_frequency, 1, "it is not what the guest measured" },
	{ HV_CHECK_apic_frequency, 1, "it is not what the guest measured" },
	{ HV_CHECK_tsc_page, 1, "the page is not where it was put" },
	{ HV_CHECK_tsc_page, 2, "its scale does not make 10 MHz of the TSC" },
	{ HV_CHECK_tsc_page, 3, "the counter lies before the page's time" },
	{ HV_CHECK_tsc_page, 4, "the counter lies behind the page's time" },
	{ HV_CHECK_time_ref, 1, "it went back since it was last checked" },
	{ HV_CHECK_time_ref, 2, "it does not run at 10 MHz" },
	{ HV_CHECK_time_ref, 3, "one vCPU's runs behind or before another's" },
	{ HV_CHECK_time_ref, 4,
	  "it lies before the page's time of just "
	  "before" },
	{ HV_CHECK_time_ref, 5,
	  "it lies behind the page's time of just "
	  "after" },
	{ HV_CHECK_message, 1, "no interrupt came within a second" },
	{ HV_CHECK_message, 2, "the message is not of a timer" },
	{ HV_CHECK_message, 3, "its size is not 24 bytes" },
	{ HV_CHECK_message, 4, "it names another timer" },
	{ HV_CHECK_message, 5, "it names another time" },
	{ HV_CHECK_message, 6, "it was delivered before it was due" },
	{ HV_CHECK_message, 7,
	  "a message that waits does not show in the "
	  "pending flag" },
	{ HV_CHECK_message, 8, "a message that was not taken is overwritten" },
	{ HV_CHECK_message, 9,
	  "after the end of message the next one does "
	  "not come" },
	{ HV_CHECK_message, 10, "the next message is another one" },
	{ HV_CHECK_event, 1, "no interrupt came within a second" },
	{ HV_CHECK_event, 2, "the flag is not up" },
	{ HV_CHECK_event, 3, "one event, two interrupts" },
	STIMER(stimer_once),
	STIMER(stimer_direct),
	{ HV_CHECK_stimer_periodic, 1,
	  "a period has no interrupt within a "
	  "second" },
	{ HV_CHECK_stimer_periodic, 2, "a period ended early" },
	{ HV_CHECK_stimer_periodic, 3, "it fires on after it was stopped" },
	{ HV_CHECK_ipi, 1, "the call is refused" },
	{ HV_CHECK_ipi, 2, "the interrupt does not arrive" },
	{ HV_CHECK_ipi, 3, "a vCPU took it that was not named, or twice" },
	{ HV_CHECK_flush, 1, "the other vCPU does not see the page at all" },
	{ HV_CHECK_flush, 2, "the call is refused" },
	{ HV_CHECK_flush, 3, "the other vCPU still sees the old page" },
};

const char *hv_check_name(enum hv_check check)
{
	return names[check];
}

const char *hv_check_section(enum hv_check check)
{
	return sections[check];
}

const char *hv_step_sentence(enum hv_check check, unsigned int step)
{
	size_t i;

	if (step == HV_STEP_FAULT)
		return "a register that is offered faults";
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i].check == check && steps[i].step == step)
			return steps[i].sentence;
	return "the guest names a step that this vmferry does not know";
}
