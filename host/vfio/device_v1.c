/* SPDX-License-Identifier: MIT */
/* Migration as it was before Linux 5.18, with the same stream. */
#include "vfio/device_v1.h"

#include <errno.h>
#include <string.h>

#include "vfio/device_priv.h"

#define AT(field) offsetof(struct mig_v1_region, field)

void device_v1_reset(struct device_v1 *v)
{
	v->data_size = 0;
}

static uint32_t v1_state(const struct vfio_device *d)
{
	switch (d->state) {
	case MIG_STATE_STOP:
		return MIG_V1_STOP;
	case MIG_STATE_RUNNING:
		return MIG_V1_RUNNING;
	case MIG_STATE_STOP_COPY:
		return MIG_V1_STOP_COPY;
	case MIG_STATE_PRE_COPY:
		return MIG_V1_PRE_COPY;
	case MIG_STATE_RESUMING:
		return MIG_V1_RESUMING;
	default:
		return MIG_V1_ERROR;
	}
}

static int set_state(struct vfio_device *d, uint32_t state)
{
	static const struct {
		uint32_t v1, v2;
	} states[] = {
		{ MIG_V1_STOP, MIG_STATE_STOP },
		{ MIG_V1_RUNNING, MIG_STATE_RUNNING },
		{ MIG_V1_STOP_COPY, MIG_STATE_STOP_COPY },
		{ MIG_V1_PRE_COPY, MIG_STATE_PRE_COPY },
		{ MIG_V1_RESUMING, MIG_STATE_RESUMING },
	};
	size_t i;

	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (states[i].v1 == state) {
			d->v1.data_size = 0;
			return device_change_state(d, states[i].v2);
		}
	return -EINVAL;
}

/* Asking means that what stood in the window was taken. */
static uint64_t pending(struct vfio_device *d)
{
	d->v1.data_size = 0;
	if (!d->save.active || (!d->save.stopped && !d->params.precopy))
		return 0;
	device_tick(d);
	return device_save_pending(d);
}

/* Asking where data is has it made ready. */
static uint64_t data_offset(struct vfio_device *d)
{
	uint8_t *window = d->v1.data + DEVICE_V1_DATA_OFFSET;
	unsigned int tries = 2; /* one end may be that of the first part */

	if (!d->save.active || (!d->save.stopped && !d->params.precopy))
		return DEVICE_V1_DATA_OFFSET;
	while (!d->v1.data_size && tries--)
		d->v1.data_size =
			device_save_read(d, window, DEVICE_V1_DATA_BYTES);
	return DEVICE_V1_DATA_OFFSET;
}

int device_v1_read(struct vfio_device *d, uint64_t offset, void *data,
		   size_t bytes)
{
	struct mig_v1_region r = { .device_state = v1_state(d),
				   .data_size = d->v1.data_size };

	if (offset >= DEVICE_V1_DATA_OFFSET) {
		memcpy(data, d->v1.data + offset, bytes);
		return 0;
	}
	if (offset == AT(pending_bytes))
		r.pending_bytes = pending(d);
	else if (offset == AT(data_offset))
		r.data_offset = data_offset(d);
	if (offset % 4 || offset >= sizeof(r) || bytes > sizeof(r) - offset ||
	    (bytes != 4 && bytes != 8))
		return -EINVAL;
	memcpy(data, (uint8_t *)&r + offset, bytes);
	return 0;
}

static int take_data(struct vfio_device *d, uint64_t bytes)
{
	if (!d->load.active || bytes > DEVICE_V1_DATA_BYTES)
		return -EINVAL;
	return device_load_write(d, d->v1.data + DEVICE_V1_DATA_OFFSET, bytes);
}

int device_v1_write(struct vfio_device *d, uint64_t offset, const void *data,
		    size_t bytes)
{
	uint64_t size;
	uint32_t state;

	if (offset >= DEVICE_V1_DATA_OFFSET) {
		memcpy(d->v1.data + offset, data, bytes);
		return 0;
	}
	if (offset == AT(device_state) && bytes == sizeof(state)) {
		memcpy(&state, data, sizeof(state));
		return set_state(d, state);
	}
	if (offset == AT(data_size) && bytes == sizeof(size)) {
		memcpy(&size, data, sizeof(size));
		return take_data(d, size);
	}
	return -EINVAL;
}
