/* SPDX-License-Identifier: MIT */
/*
 * What a guest says of itself: its control area, read from outside and
 * checked, so that whoever uses it may trust every index, size and enum.
 */
#ifndef VMFERRY_DRIVE_GUEST_VIEW_H
#define VMFERRY_DRIVE_GUEST_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "control.h"
#include "drive/ram.h"

/* Larger areas are taken for nonsense. */
#define GUEST_VIEW_MAX_BYTES (16u << 20)

struct guest_view {
	uint64_t gpa; /* of the control area */
	uint64_t bytes;
	bool has_epoch; /* false: control.epoch is all zero */
	struct abi_control control;
	/* [guest_view_workers()]: the DMA engines' behind the vCPUs' */
	struct abi_vcpu vcpu[ABI_MAX_VCPUS];
	const struct abi_bad_log *bad; /* [control.nr_vcpus] */
	const struct abi_stall *stall; /* [control.nr_vcpus] */
	const struct oracle_log *log; /* [guest_view_workers()] */
	void *area; /* ours: what the three above point into */
};

/**
 * guest_view_read() - take and check a snapshot of the control area.
 * @gpa: where it lies, as the guest announced it; may be hostile.
 * @bytes: its size, likewise.
 * @ret_view: undefined on failure; guest_view_exit() on success.
 *
 * The counters belong together only if the guest was frozen. What is promised:
 * the epoch satisfies oracle_valid() or is absent; the account of RAM is
 * sorted, disjoint, page-aligned and its ABI_RAM_WORK ranges are the epoch's
 * pages, no more and no less; enums are in range; step counters are below
 * 2^ORACLE_VISIT_BITS; but while the working set is filled the logs satisfy
 * oracle_log_valid().
 *
 * Return: 0; -EPROTO for anything that cannot be; -EAGAIN while the guest
 * boots or rewrites its epoch; or what ram_read() said.
 */
int guest_view_read(const struct ram *ram, uint64_t gpa, uint64_t bytes,
		    struct guest_view *ret_view, struct error *err);
void guest_view_exit(struct guest_view *view);

/* vCPUs and DMA engines: whoever may have steps. */
static inline uint32_t guest_view_workers(const struct abi_control *c)
{
	return c->nr_vcpus + c->nr_dma;
}

/* Steps of all vCPUs in this epoch. */
uint64_t guest_view_steps(const struct guest_view *view);
/* TSC ticks of the guest -> ns. */
uint64_t guest_view_ticks_to_ns(const struct guest_view *view, uint64_t ticks);

#endif
