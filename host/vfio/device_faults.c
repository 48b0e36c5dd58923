/* SPDX-License-Identifier: MIT */
/* The list of the device's deliberate faults. */
#include "vfio/device_faults.h"

#include <errno.h>
#include <string.h>

const struct device_fault_info device_faults[FAULT_NR] = {
	[FAULT_ILLEGAL_ARC] = { "illegal-arc",
				"goes from STOP_COPY to PRE_COPY",
				"vfio-user, direct state transitions: "
				"STOP_COPY -> PRE_COPY returns an error" },
	[FAULT_WRONG_INITIAL_STATE] = { "wrong-initial-state",
					"is in STOP at first and after a reset",
					"linux/vfio.h: the initial state is "
					"RUNNING, reset goes there" },
	[FAULT_WRONG_STATE] = { "wrong-state",
				"says RUNNING when asked in STOP",
				"vfio-user, MIG_DEVICE_STATE: GET gives the "
				"current state" },
	[FAULT_SHORT_STREAM] = { "short-stream",
				 "ends its stream before the last record",
				 "linux/vfio.h: what STOP_COPY gives is all "
				 "that RESUMING needs" },
	[FAULT_DATA_AFTER_END] = { "data-after-end",
				   "has data again after the end of the stream",
				   "vfio-user, MIG_DATA_READ: fewer bytes than "
				   "asked for is the end" },
	[FAULT_STALE_DATA_FD] = { "stale-data-fd",
				  "gives and takes data in any state",
				  "vfio-user: data is read in the saving "
				  "group, written in RESUMING" },
	[FAULT_PRECOPY_GROWS] = { "precopy-grows",
				  "an idle device's pre-copy never ends",
				  "linux/vfio.h, PRE_COPY: the end of stream "
				  "comes when nothing is dirty" },
	[FAULT_ACCEPTS_CORRUPT_STREAM] = { "accepts-corrupt-stream",
					   "loads a stream with flipped bits",
					   "vfio-user, RESUMING -> STOP: fail "
					   "if the data is inconsistent" },
	[FAULT_ACCEPTS_SHORT_STREAM] = { "accepts-short-stream",
					 "loads an empty or truncated stream",
					 "vfio-user, RESUMING -> STOP: fail "
					 "if the data is incomplete" },
	[FAULT_LOSES_STATE] = { "loses-state",
				"forgets BAR 2 when its state is loaded",
				"linux/vfio.h: the state that moves is the "
				"whole internal state" },
	[FAULT_MISSED_DIRTY] = { "missed-dirty",
				 "does not log every eighth page that it writes",
				 "linux/vfio.h, DMA_LOGGING: all pages that "
				 "the device wrote are reported" },
	[FAULT_EXTRA_DIRTY] = { "extra-dirty",
				"reports the neighbour of each dirty page too",
				"linux/vfio.h, DMA_LOGGING: written pages "
				"only, at the page size" },
	[FAULT_DIRTY_NOT_CLEARED] = { "dirty-not-cleared",
				      "reports a page again and again",
				      "linux/vfio.h, DMA_LOGGING_REPORT: the "
				      "log is cleared as it is read" },
	[FAULT_IGNORES_P2P] = { "ignores-p2p",
				"goes on with DMA in the P2P states",
				"linux/vfio.h, RUNNING_P2P: the device starts "
				"no transaction" },
	[FAULT_DMA_AFTER_STOP] = { "dma-after-stop",
				   "goes on with DMA in STOP and STOP_COPY",
				   "linux/vfio.h, STOP: the device changes "
				   "neither inner nor outer state" },
	[FAULT_DMA_AFTER_UNMAP] = { "dma-after-unmap",
				    "keeps a mapping that was unmapped",
				    "vfio-user, DMA_UNMAP: all references are "
				    "released before the reply" },
	[FAULT_BAD_RESET] = { "bad-reset",
			      "keeps its migration state over a reset",
			      "linux/vfio.h: reset returns to RUNNING from "
			      "every state" },
	[FAULT_FORGETS_STATE] = { "forgets-state",
				  "is reset when its client goes away",
				  "vfio-user, client disconnection: the "
				  "device state is retained" },
	[FAULT_WRONG_REPLY_SIZE] = { "wrong-reply-size",
				     "replies to GET_INFO with 8 bytes more",
				     "vfio-user, GET_INFO: the reply has 16 "
				     "bytes" },
	[FAULT_LOST_IRQ] = { "lost-irq",
			     "does not raise every eighth interrupt",
			     "vfio-user, SET_IRQS: the eventfd is signalled "
			     "when the interrupt triggers" },
	[FAULT_OVERLAP_ACCEPTED] = { "overlap-accepted",
				     "maps DMA regions that overlap",
				     "vfio-user, DMA_MAP: over an existing "
				     "region it fails with EEXIST" },
	[FAULT_RANGE_UNCHECKED] = { "range-unchecked",
				    "answers accesses behind a region's end",
				    "vfio-user, REGION_READ: the access is "
				    "within the region" },
	[FAULT_UNKNOWN_ACCEPTED] = { "unknown-accepted",
				     "accepts commands and features unknown",
				     "linux/vfio.h, FEATURE: a probe succeeds "
				     "for what is supported only" },
};

int device_fault_find(const char *name, enum device_fault *ret)
{
	unsigned int i;

	for (i = 0; i < FAULT_NR; i++)
		if (!strcmp(device_faults[i].name, name)) {
			*ret = (enum device_fault)i;
			return 0;
		}
	return -EINVAL;
}
