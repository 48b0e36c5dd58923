/* SPDX-License-Identifier: MIT */
/* What the device can do wrong on purpose, for those who test a tester. */
#ifndef VMFERRY_VFIO_DEVICE_FAULTS_H
#define VMFERRY_VFIO_DEVICE_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

enum device_fault {
	FAULT_ILLEGAL_ARC,
	FAULT_WRONG_INITIAL_STATE,
	FAULT_WRONG_STATE,
	FAULT_SHORT_STREAM,
	FAULT_DATA_AFTER_END,
	FAULT_STALE_DATA_FD,
	FAULT_PRECOPY_GROWS,
	FAULT_ACCEPTS_CORRUPT_STREAM,
	FAULT_ACCEPTS_SHORT_STREAM,
	FAULT_LOSES_STATE,
	FAULT_MISSED_DIRTY,
	FAULT_EXTRA_DIRTY,
	FAULT_DIRTY_NOT_CLEARED,
	FAULT_IGNORES_P2P,
	FAULT_DMA_AFTER_STOP,
	FAULT_DMA_AFTER_UNMAP,
	FAULT_BAD_RESET,
	FAULT_FORGETS_STATE,
	FAULT_WRONG_REPLY_SIZE,
	FAULT_LOST_IRQ,
	FAULT_OVERLAP_ACCEPTED,
	FAULT_RANGE_UNCHECKED,
	FAULT_UNKNOWN_ACCEPTED,
	FAULT_NR,
};

struct device_fault_info {
	const char *name;
	const char *text; /* what the device does then */
	const char *rule; /* that it breaks, and where that stands */
};

/* In the order of enum device_fault. */
extern const struct device_fault_info device_faults[FAULT_NR];

/* -EINVAL if there is none of that name. */
int device_fault_find(const char *name, enum device_fault *ret);

static inline bool device_faulty(uint32_t faults, enum device_fault fault)
{
	return faults >> fault & 1;
}

#endif
