/* SPDX-License-Identifier: MIT */
/*
 * The proof: every byte of a frozen guest's memory that can be known is what
 * it must be.
 */
#ifndef VMFERRY_DRIVE_VERIFY_H
#define VMFERRY_DRIVE_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "drive/findings.h"
#include "drive/guest_view.h"
#include "drive/ram.h"

#define VERIFY_MAX_THREADS 64u

struct verify_params {
	/* The guest was frozen while its workload ran: each vCPU's next page
	 * may be ahead of its counter, or half written. */
	bool in_flight_allowed;
	unsigned int nr_threads; /* 1..VERIFY_MAX_THREADS; 0 = 1 */
	/* The guest's ELF file, which its image is compared with; NULL = not
	 * at hand, its image then stays unchecked. */
	const void *image_elf;
	size_t image_bytes;
};

struct verify_report {
	uint64_t pages_checked;
	uint64_t bytes_checked;
	uint64_t checked_bytes[ABI_RAM_FIRMWARE + 1]; /* by abi_ram_kind */
	/* By abi_ram_kind: PRIVATE and FIRMWARE; the control area is PRIVATE
	 * also where it lies in a slot of its own. */
	uint64_t excluded_bytes[ABI_RAM_FIRMWARE + 1];
	uint64_t unchecked_bytes; /* the image, if no ELF was given */
	double coverage_pct; /* checked / (RAM - excluded) */
	uint64_t in_flight_pages; /* ahead or half written, and allowed to */
	uint64_t bad[ORACLE_NR_CLASSES];
	struct findings findings; /* sorted by gfn */
	uint64_t duration_ns;
};

/**
 * verify_ram() - check all RAM of a frozen guest.
 * @view: its control area, read while it was frozen.
 * @ret_report: verify_report_exit() on success, untouched on failure. Damage
 *	is no failure: it is what the report is for.
 *
 * Context: any thread; starts @params->nr_threads - 1 others.
 * Return: 0; -EAGAIN while the guest fills its working set; -EPROTO if the
 * guest's account of RAM and the machine's differ, or the image's place makes
 * no sense; -ENOMEM; what ram_read() said.
 */
int verify_ram(const struct ram *ram, const struct guest_view *view,
	       const struct verify_params *params,
	       struct verify_report *ret_report, struct error *err);
void verify_report_exit(struct verify_report *report);

#endif
