/* SPDX-License-Identifier: MIT */
/* The value of --devices. */
#include "tools/device_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static int too_many(struct error *err)
{
	return error_set(err, -EINVAL,
			 "--devices takes at most %u devices of at most %u "
			 "queues each, %u in all: KVM routes no more "
			 "interrupts",
			 ABI_QUEUES_MAX_DEVICES, ABI_QUEUES_MAX,
			 ABI_QUEUES_MAX_DEVICES * ABI_QUEUES_MAX);
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

static const char *one(const char *text, enum queues_kind *ret_kind,
		       unsigned long *ret_devices, unsigned long *ret_queues)
{
	if (strncmp(text, "net:", 4) && strncmp(text, "blk:", 4))
		return NULL;
	*ret_kind = text[0] == 'n' ? QUEUES_NET : QUEUES_BLK;
	text = number(text + 4, ret_devices);
	if (!text || *text != 'x')
		return NULL;
	text = number(text + 1, ret_queues);
	return text && (*text == ',' || !*text) ? text : NULL;
}

int device_list_parse(const char *text, struct queues_list *ret_list,
		      struct error *err)
{
	unsigned long devices, queues;
	const char *at = text;
	enum queues_kind kind;

	ret_list->nr = 0;
	do {
		at = one(at, &kind, &devices, &queues);
		if (!at)
			return error_set(err, -EINVAL,
					 "--devices takes KIND:DEVICESxQUEUES "
					 "with net or blk, like "
					 "net:8x16,blk:16x4, not '%s'",
					 text);
		if (queues > ABI_QUEUES_MAX ||
		    devices > ABI_QUEUES_MAX_DEVICES - ret_list->nr)
			return too_many(err);
		while (devices--) {
			ret_list->device[ret_list->nr].kind = (uint8_t)kind;
			ret_list->device[ret_list->nr++].nr_queues =
				(uint8_t)queues;
		}
	} while (*at++);
	return 0;
}

void device_list_allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}
