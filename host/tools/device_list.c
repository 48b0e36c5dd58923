/* SPDX-License-Identifier: MIT */
/* The value of --devices. */
#include "tools/device_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int too_many(struct error *err)
{
	return error_set(err, -EINVAL,
			 "--devices takes at most %u devices of at most %u "
			 "queues each, %u in all: KVM routes no more "
			 "interrupts",
			 DEVLOAD_MAX_DEVICES, DEVLOAD_MAX_QUEUES,
			 DEVLOAD_MAX_DEVICES * DEVLOAD_MAX_QUEUES);
}

/* 1..9999, and what follows it; NULL: no such number. */
static const char *number(const char *text, unsigned long *ret)
{
	char *end;

	if (*text < '1' || *text > '9')
		return NULL;
	*ret = strtoul(text, &end, 10);
	return *ret <= 9999 ? end : NULL;
}

static const char *one(const char *text, unsigned long *ret_devices,
		       unsigned long *ret_queues)
{
	if (strncmp(text, "net:", 4) && strncmp(text, "blk:", 4))
		return NULL;
	text = number(text + 4, ret_devices);
	if (!text || *text != 'x')
		return NULL;
	text = number(text + 1, ret_queues);
	return text && (*text == ',' || !*text) ? text : NULL;
}

int device_list_parse(const char *text, struct devload_config *ret_config,
		      struct error *err)
{
	struct devload_config *c = ret_config;
	const char *at = text;
	unsigned long devices, queues;

	c->nr_devices = 0;
	do {
		at = one(at, &devices, &queues);
		if (!at)
			return error_set(err, -EINVAL,
					 "--devices takes KIND:DEVICESxQUEUES "
					 "with net or blk, like "
					 "net:8x16,blk:16x4, not '%s'",
					 text);
		if (queues > DEVLOAD_MAX_QUEUES ||
		    devices > DEVLOAD_MAX_DEVICES - c->nr_devices)
			return too_many(err);
		memset(&c->nr_queues[c->nr_devices], (int)queues, devices);
		c->nr_devices += (unsigned int)devices;
	} while (*at++);
	return 0;
}
