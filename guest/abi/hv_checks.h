/* SPDX-License-Identifier: MIT */
/*
 * The guest's checks of Hyper-V's interface: name, and what must be offered for
 * it: a register of HV_LEAF_FEATURES (0 EAX, 1 EBX, 3 EDX) or, as number 4, EAX
 * of HV_LEAF_ADVICE, and bits of it. 0 = nothing.
 *
 * A check fails at a step; what each step says is known to the host
 * (host/drive/hv_steps.c), which has the specification's sections too.
 */
#ifndef VMFERRY_ABI_HV_CHECKS_H
#define VMFERRY_ABI_HV_CHECKS_H

#include "hyperv.h"

#define HV_NR_WORDS 5u

/* clang-format off */
#define HV_CHECKS(F)                                       \
	F(leaves, 0, 0)                                    \
	F(os_id, 0, HV_HAS_HYPERCALL)                      \
	F(hypercall, 0, HV_HAS_HYPERCALL)                  \
	F(bad_calls, 0, HV_HAS_HYPERCALL)                  \
	F(vp_index, 0, HV_HAS_VP_INDEX)                    \
	F(vp_assist, 0, HV_HAS_APIC_MSRS)                  \
	F(vp_runtime, 0, HV_HAS_RUNTIME)                   \
	F(tsc_frequency, 0, HV_HAS_FREQUENCY)              \
	F(apic_frequency, 0, HV_HAS_FREQUENCY)             \
	F(tsc_page, 0, HV_HAS_TSC_PAGE | HV_HAS_TIME_REF)  \
	F(time_ref, 0, HV_HAS_TIME_REF)                    \
	F(message, 0, HV_HAS_SYNIC | HV_HAS_STIMER)        \
	F(event, 0, HV_HAS_SYNIC | HV_HAS_HYPERCALL)       \
	F(stimer_once, 0, HV_HAS_SYNIC | HV_HAS_STIMER)    \
	F(stimer_periodic, 0, HV_HAS_SYNIC | HV_HAS_STIMER) \
	F(stimer_direct, 3, HV_EDX_STIMER_DIRECT)          \
	F(ipi, 4, HV_ADVISES_CLUSTER_IPI)                  \
	F(flush, 4, HV_ADVISES_REMOTE_FLUSH)
/* clang-format on */

#define HV_CHECK_ENUM(name, word, bits) HV_CHECK_##name,
enum hv_check { HV_CHECKS(HV_CHECK_ENUM) HV_NR_CHECKS };
#undef HV_CHECK_ENUM

/* A step of every check: a register that is offered faults. */
#define HV_STEP_FAULT 15u

/* Tries of time_ref. */
#define HV_TIME_REF_TRIES 10000u

#endif
