/* SPDX-License-Identifier: MIT */
/*
 * The heartbeat's log: the guest's clocks, read together at a fixed pace, so
 * that a host can compare them with each other and with its own.
 */
#ifndef VMFERRY_ABI_BEAT_H
#define VMFERRY_ABI_BEAT_H

#include <stdint.h>

#include "abi.h"

#define ABI_BEATS 126u

/* Clocks that the guest has found, besides the TSC. */
#define ABI_CLOCK_KVM 1u /* pvclock */
#define ABI_CLOCK_HV 2u /* HV_X64_MSR_TIME_REF_COUNT */

/* One beat: all OUT. */
struct abi_beat {
	uint64_t tsc;
	uint64_t due_tsc; /* when it should have been */
	uint64_t kvm_ns; /* 0 = there is no such clock */
	uint64_t hv_100ns; /* likewise */
};

struct abi_beat_log {
	uint64_t nr; /* OUT: beats so far, stored last; the newest is
		      * beat[(nr - 1) % ABI_BEATS] */
	uint64_t period_ticks; /* OUT: 0 = off */
	uint64_t lost; /* OUT: beats that were more than a period late */
	uint64_t shift_ticks; /* OUT: told to add to the TSC as it is read,
			       * where the TSC itself could not be moved */
	uint32_t clocks; /* OUT: ABI_CLOCK_*, ORed */
	uint32_t reserved0;
	uint64_t reserved[3];
	struct abi_beat beat[ABI_BEATS];
};

_Static_assert(sizeof(struct abi_beat) == 32, "entry size is ABI");
_Static_assert(sizeof(struct abi_beat_log) == ABI_PAGE_BYTES, "one page");

#endif
