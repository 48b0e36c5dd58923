/* SPDX-License-Identifier: MIT */
/*
 * The same quantity from all sides: the wire, the guest, the host, and what
 * the VMM says of itself. Pure.
 */
#ifndef VMFERRY_DRIVE_VANTAGE_H
#define VMFERRY_DRIVE_VANTAGE_H

#include <stdbool.h>
#include <stddef.h>

struct run_sample;
struct run_settings;

/* NAN where a side cannot see it. */
struct vantage {
	const char *name; /* "stop_ms", "total_ms", "sent_bytes" */
	double wire, guest, host, vmm;
	const char *method; /* of compress_qemu.h; NULL = none */
};

#define VANTAGE_NR 3u

void vantage_fill(const struct run_sample *sample,
		  struct vantage ret[VANTAGE_NR]);

/**
 * vantage_disagreement() - does the VMM say something else than we saw?
 * @text: the sentence: both figures and, where it is known, the defect of the
 *	VMM that explains it.
 *
 * Compared with the wire, else with the host. Return: true beyond 5 % (and
 * beyond 1 ms or 4 KiB: below that it is rounding).
 */
bool vantage_disagreement(const struct vantage *v,
			  const struct run_settings *settings, char *text,
			  size_t room);

/**
 * vantage_busy() - does QEMU's `compression.busy` count what it should?
 * @text: the sentence, if not.
 *
 * It should be the pages that went uncompressed because no thread was free:
 * those that it counts as normal. Return: true if it is more than 5 % off.
 */
bool vantage_busy(const struct run_sample *sample, char *text, size_t room);

#endif
