/* SPDX-License-Identifier: MIT */
/* "net:8x16,blk:16x4": devices with queues, as the options name them. */
#ifndef VMFERRY_TOOLS_DEVICE_LIST_H
#define VMFERRY_TOOLS_DEVICE_LIST_H

#include "base/error.h"
#include "vmm/queue_devices.h"

/* -EINVAL with a sentence. */
int device_list_parse(const char *text, struct queues_list *ret_list,
		      struct error *err);

/* Two descriptors a queue are more than a shell allows by itself: allow as many
 * as may be. For a process that has such devices. */
void device_list_allow_descriptors(void);

#endif
