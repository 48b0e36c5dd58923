/* SPDX-License-Identifier: MIT */
/* The target's devices with data of their own. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "migrate/target_priv.h"

int target_devices_init(struct migrate_target *tgt)
{
	struct target_devices *d = &tgt->devices;

	d->nr = tgt->ops->devices ? tgt->ops->devices->nr(tgt->vm) : 0;
	if (!d->nr)
		return 0;
	if (d->nr > MIGRATE_MAX_DEVICES)
		return -E2BIG;
	d->data = malloc(WIRE_MAX_DEVICE_BYTES);
	return d->data ? 0 : -ENOMEM;
}

void target_devices_exit(struct migrate_target *tgt)
{
	free(tgt->devices.data);
	tgt->devices.data = NULL;
}

static int check(struct migrate_target *tgt, const struct wire_device *r)
{
	const struct target_devices *d = &tgt->devices;

	if (r->device >= d->nr)
		return error_set(&tgt->err, -EPROTO,
				 "data came for device %u, and this machine "
				 "has %u such devices",
				 r->device, d->nr);
	if (d->whole[r->device])
		return error_set(&tgt->err, -EPROTO,
				 "data came for device %u behind its last",
				 r->device);
	if (r->offset != d->got_bytes[r->device])
		return error_set(&tgt->err, -EPROTO,
				 "data came for device %u at %" PRIu64
				 ", where %" PRIu64 " was due",
				 r->device, r->offset, d->got_bytes[r->device]);
	/* It is about to stop, and has said what there was to say. */
	if (tgt->announced && tgt->stage != STAGE_STATE)
		return error_set(&tgt->err, -EPROTO,
				 "data came for device %u behind the "
				 "announcement",
				 r->device);
	if (r->last && tgt->stage != STAGE_STATE)
		return error_set(&tgt->err, -EPROTO,
				 "the last data of device %u came while the "
				 "source still ran",
				 r->device);
	return 0;
}

static int take(struct migrate_target *tgt, const struct wire_device *r,
		size_t bytes)
{
	const struct migrate_device_ops *ops = tgt->ops->devices;
	struct target_devices *d = &tgt->devices;
	struct error why = { "" };
	int rc = 0;

	if (XXH64(d->data, bytes, 0) != r->xxh64)
		return error_set(&tgt->err, -EPROTO,
				 "the checksum of data for device %u is wrong",
				 r->device);
	if (bytes)
		rc = ops->write(tgt->vm, r->device, d->data, bytes, &why);
	if (!rc && r->last)
		rc = ops->finish(tgt->vm, r->device, &why);
	if (rc)
		return error_set(&tgt->err, rc,
				 "device %u did not take its data: %.150s",
				 r->device,
				 why.text[0] ? why.text : strerrordesc_np(-rc));
	d->got_bytes[r->device] += bytes;
	d->whole[r->device] = r->last;
	progress_device(&tgt->progress, bytes);
	return 0;
}

int target_receive_device(struct migrate_target *tgt,
			  const struct wire_header *h)
{
	struct peer *p = &tgt->in.peer;
	struct wire_device r;
	int rc = wire_parse_device(p->table, h->table_bytes, &r, p->err);

	if (!rc)
		rc = check(tgt, &r);
	if (rc)
		return rc;
	if (h->payload_bytes) {
		rc = channel_read_all(p->ch, tgt->devices.data,
				      h->payload_bytes);
		if (rc)
			return peer_lost(p, rc);
	}
	rc = take(tgt, &r, h->payload_bytes);
	if (!rc && r.last)
		progress_stamp(&tgt->progress, &tgt->progress.stats.devices_ns);
	return rc;
}

int target_devices_whole(struct migrate_target *tgt)
{
	unsigned int i;

	for (i = 0; i < tgt->devices.nr; i++)
		if (!tgt->devices.whole[i])
			return error_set(&tgt->err, -EPROTO,
					 "the state came before the last data "
					 "of device %u",
					 i);
	return 0;
}
