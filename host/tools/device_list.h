/* SPDX-License-Identifier: MIT */
/* "net:8x16,blk:16x4": devices with queues, as the options name them. */
#ifndef VMFERRY_TOOLS_DEVICE_LIST_H
#define VMFERRY_TOOLS_DEVICE_LIST_H

#include "base/error.h"
#include "machine/devload.h"

/* Fills in the devices of @ret_config. -EINVAL with a sentence. */
int device_list_parse(const char *text, struct devload_config *ret_config,
		      struct error *err);

#endif
