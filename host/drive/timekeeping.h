/* SPDX-License-Identifier: MIT */
/*
 * Did the guest's clocks keep time across a migration? Its heartbeats, read
 * from outside, carry its clocks; when a beat was seen gives our own. Pure.
 */
#ifndef VMFERRY_DRIVE_TIMEKEEPING_H
#define VMFERRY_DRIVE_TIMEKEEPING_H

#include <stdbool.h>
#include <stdint.h>

#include "beat.h"

/* A beat, and when it was. */
struct timekeeping_mark {
	struct abi_beat beat;
	uint64_t nr; /* 0 = none was seen */
	uint64_t lost;
	uint64_t host_ns; /* when it was seen, at the latest */
	uint64_t error_ns; /* it may have been that much earlier */
};

enum timekeeping_kind {
	TIMEKEEPING_TSC,
	TIMEKEEPING_KVM,
	TIMEKEEPING_HV,
	TIMEKEEPING_NR,
};

/* What a clock did while the machine stood still. */
enum timekeeping_did {
	TIMEKEEPING_RAN,
	TIMEKEEPING_STOOD,
	TIMEKEEPING_JUMPED, /* neither of the two */
};

struct timekeeping_clock {
	bool present;
	double drift_ppm; /* against ours, on the source */
	double jump_ms; /* gained over ours, across the migration */
	enum timekeeping_did did;
	double unexplained_ms; /* less the stop, if the clock stood */
};

struct timekeeping {
	bool measured;
	double period_ms;
	double error_ms; /* of each jump */
	double stop_ms;
	uint64_t lost_ticks; /* by the guest's TSC, across the migration */
	uint64_t doubled_ticks; /* more beats than our clock has periods */
	double shift_ms; /* the TSC was moved by that on purpose */
	bool shift_told; /* not it, but what the heartbeat takes for it */
	struct timekeeping_clock clock[TIMEKEEPING_NR];
};

/* Beyond this and the error of the marks a jump is no noise. */
#define TIMEKEEPING_TOLERANCE_MS 10.0

/**
 * timekeeping_judge() - three beats -> what the clocks did.
 * @log: the log's header: clocks and period; may be hostile.
 * @mark: two of the source, and the first of the target that was seen.
 * @tsc_hz: the guest's, not 0.
 * @ret: period, shift and stop are kept; measured is false if a mark is
 *	missing, or they are out of order.
 */
void timekeeping_judge(const struct abi_beat_log *log,
		       const struct timekeeping_mark mark[3], uint64_t tsc_hz,
		       struct timekeeping *ret);

const char *timekeeping_name(enum timekeeping_kind kind);
const char *timekeeping_did_name(enum timekeeping_did did);

/**
 * timekeeping_expected() - what a VMM is known to do with a clock.
 * @vmm: "mini" or "qemu"; @accel: "kvm" or "tcg".
 */
const char *timekeeping_expected(enum timekeeping_kind kind, const char *vmm,
				 const char *accel);

#endif
