/* SPDX-License-Identifier: MIT */
/*
 * A guest without a machine: memory of this process that looks, from outside,
 * like a VM whose workload has run for so many steps.
 */
#ifndef VMFERRY_TESTS_UNIT_DRIVE_FAKE_GUEST_H
#define VMFERRY_TESTS_UNIT_DRIVE_FAKE_GUEST_H

#include "control.h"
#include "drive/guest_view.h"
#include "drive/ram.h"

/* RAM: firmware, a hole, then image, private pages, and the working set in
 * two ranges with free pages before, between and after. */
#define FAKE_FIRMWARE_BYTES 0x4000u
#define FAKE_IMAGE_GPA 0x200000u
#define FAKE_IMAGE_BYTES 0x3000u
#define FAKE_PRIVATE_BYTES 0x2000u
#define FAKE_FREE_BYTES 0x5000u /* each of the three */
#define FAKE_CONTROL_GPA 0x1000000000u

struct fake_guest {
	struct ram ram;
	uint8_t *low, *high; /* firmware; all the rest */
	uint64_t high_bytes;
	struct abi_control *control; /* writable: make it lie */
	struct abi_vcpu *vcpu;
	struct abi_bad_log *bad;
	struct abi_stall *stall;
	struct oracle_log *log;
	uint64_t control_bytes;
	uint8_t elf[0x4000]; /* the image's file */
	size_t elf_bytes;
};

/**
 * fake_guest_create() - fill and run.
 * @o: seed, epoch, nr_vcpus, pattern, write, content, ratio, nr_pages; its
 *	ranges are set here.
 * @steps: of each vCPU (without pages: 0), done one by one; the state is then
 *	stopped.
 */
struct fake_guest *fake_guest_create(struct oracle o, uint64_t steps);
void fake_guest_destroy(struct fake_guest *guest);

/* Where page @gfn lies in this process. */
uint8_t *fake_guest_page(struct fake_guest *guest, uint64_t gfn);
/* Reads the control area; must succeed. */
struct guest_view fake_guest_view(struct fake_guest *guest);
/* First gfn of a range of @kind. */
uint64_t fake_guest_gfn(struct fake_guest *guest, uint32_t kind);

#endif
