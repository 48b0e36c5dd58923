/* SPDX-License-Identifier: MIT */
/*
 * The source's devices with data of their own: pre-copy between the rounds, the
 * rest behind the last pages.
 *
 * One record is read and sent at a time. The socket's buffer and the target's
 * device work meanwhile: what is slowest sets the pace, and nothing is held in
 * memory but that record.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <xxhash.h>

#include "base/clock.h"
#include "migrate/source_priv.h"

int source_devices_init(struct migrate_source *src)
{
	struct source_devices *d = &src->devices;

	d->nr = src->ops->devices ? src->ops->devices->nr(src->vm) : 0;
	if (!d->nr)
		return 0;
	if (d->nr > MIGRATE_MAX_DEVICES)
		return -E2BIG;
	d->data = malloc(WIRE_MAX_DEVICE_BYTES);
	return d->data ? 0 : -ENOMEM;
}

void source_devices_exit(struct migrate_source *src)
{
	free(src->devices.data);
	src->devices.data = NULL;
}

int source_devices_left(struct migrate_source *src,
			struct migrate_device_left *ret_left)
{
	int rc;

	*ret_left = (struct migrate_device_left){ 0 };
	if (!src->devices.nr)
		return 0;
	rc = src->ops->devices->left(src->vm, ret_left);
	return rc ? source_blame_vm(src, rc, "say what its devices hold") : 0;
}

/* Held to the rate like the pages are; a new rate, or an end, is seen soon. */
static int keep_pace(struct migrate_source *src, size_t bytes)
{
	struct progress *p = &src->progress;
	struct limiter *l = &src->devices.pace;
	uint64_t delay_ns;

	limiter_sent(l, bytes);
	for (;;) {
		delay_ns = limiter_delay_ns(
			l, clock_now_ns(),
			progress_params(p).max_bandwidth_bytes_per_s);
		if (progress_cancelled(p))
			return -ECANCELED;
		if (!delay_ns)
			return 0;
		nanosleep(&(struct timespec){ .tv_nsec = (long)delay_ns },
			  NULL);
	}
}

static int send_piece(struct migrate_source *src, unsigned int index,
		      size_t bytes, bool last)
{
	struct source_devices *d = &src->devices;
	struct {
		struct wire_header_le header;
		uint8_t table[sizeof(struct wire_device_le)];
	} head;
	const struct wire_device device = {
		.device = index,
		.last = last,
		.offset = d->sent_bytes[index],
		.xxh64 = XXH64(d->data, bytes, 0),
	};
	const struct wire_header h = {
		.type = WIRE_DEVICE,
		.table_bytes = sizeof(head.table),
		.payload_bytes = bytes,
	};
	struct iovec iov[2] = {
		{ &head, sizeof(head) },
		{ d->data, bytes },
	};
	int rc;

	wire_put_device(head.table, &device);
	rc = peer_send_iov(&src->peer, &head.header, &h, iov, bytes ? 2 : 1);
	if (rc)
		return rc;
	d->sent_bytes[index] += bytes;
	progress_device(&src->progress, bytes);
	return 0;
}

/* Return: bytes sent, up to @max_bytes; 0: it has none. */
static ssize_t pass_on(struct migrate_source *src, unsigned int index,
		       uint64_t max_bytes)
{
	size_t room = max_bytes < WIRE_MAX_DEVICE_BYTES ? max_bytes
							: WIRE_MAX_DEVICE_BYTES;
	ssize_t got = src->ops->devices->read(src->vm, index, src->devices.data,
					      room);
	int rc;

	if (got < 0)
		return source_blame_vm(src, (int)got, "give its devices' data");
	if (!got)
		return 0;
	rc = send_piece(src, index, (size_t)got, false);
	return rc ? rc : got;
}

int source_devices_precopy(struct migrate_source *src)
{
	struct migrate_device_left left;
	uint64_t bytes;
	unsigned int i;
	ssize_t got;
	int rc = source_devices_left(src, &left);

	if (rc)
		return rc;
	/* A device may go on for ever: what there was when we asked. */
	bytes = left.now_bytes;
	for (i = 0; i < src->devices.nr; i++) {
		do {
			got = bytes ? pass_on(src, i, bytes) : 0;
			if (got < 0)
				return (int)got;
			bytes -= (uint64_t)got;
			rc = got ? keep_pace(src, (size_t)got) : 0;
			if (rc)
				return rc;
		} while (got);
	}
	return 0;
}

int source_devices_final(struct migrate_source *src)
{
	unsigned int i;
	ssize_t got;
	int rc;

	for (i = 0; i < src->devices.nr; i++) {
		do {
			got = pass_on(src, i, WIRE_MAX_DEVICE_BYTES);
			if (got < 0)
				return (int)got;
		} while (got);
		rc = send_piece(src, i, 0, true);
		if (rc)
			return rc;
	}
	return 0;
}
