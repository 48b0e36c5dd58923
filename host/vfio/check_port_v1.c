/* SPDX-License-Identifier: MIT */
/*
 * A device with migration v1: a region with registers and a window.
 * Source: Linux 5.17, include/uapi/linux/vfio.h, vfio_device_migration_info.
 */
#include <errno.h>
#include <string.h>

#include "vfio/check_priv.h"

#define AT(field) offsetof(struct mig_v1_region, field)

static const uint32_t states[MIG_NR_STATES] = {
	[MIG_STATE_ERROR] = MIG_V1_ERROR,
	[MIG_STATE_STOP] = MIG_V1_STOP,
	[MIG_STATE_RUNNING] = MIG_V1_RUNNING,
	[MIG_STATE_STOP_COPY] = MIG_V1_STOP_COPY,
	[MIG_STATE_RESUMING] = MIG_V1_RESUMING,
	[MIG_STATE_RUNNING_P2P] = 7,
	[MIG_STATE_PRE_COPY] = MIG_V1_PRE_COPY,
	[MIG_STATE_PRE_COPY_P2P] = 5,
};

static int get(struct check_run *r, uint64_t at, void *value, uint32_t bytes)
{
	return r->port->region_read(r, r->v1_region, at, value, bytes);
}

static int put(struct check_run *r, uint64_t at, const void *value,
	       uint32_t bytes)
{
	return r->port->region_write(r, r->v1_region, at, value, bytes);
}

static int v1_get_state(struct check_run *r, uint32_t *ret)
{
	uint32_t word, i;
	int rc = get(r, AT(device_state), &word, sizeof(word));

	if (rc)
		return rc;
	for (i = 0; i < MIG_NR_STATES; i++)
		if (states[i] == word)
			*ret = i;
	return 0;
}

static int v1_set_state(struct check_run *r, uint32_t state)
{
	const uint32_t word = state < MIG_NR_STATES ? states[state] : state;

	/* What is left in the window belongs to the stream that was left. */
	if (!check_state_saves(state))
		r->v1_left = 0;
	return put(r, AT(device_state), &word, sizeof(word));
}

static int v1_reset(struct check_run *r)
{
	r->v1_left = 0;
	return check_port_user.reset(r);
}

/* What the window holds, up to @bytes at once: the window is read in pieces,
 * and asked for anew once it is read. */
static int v1_data_read(struct check_run *r, void *data, size_t bytes,
			size_t *ret_bytes, bool *ret_end)
{
	uint64_t pending, offset, size;
	int rc = 0;

	*ret_bytes = 0;
	*ret_end = false;
	if (!r->v1_left) {
		rc = get(r, AT(pending_bytes), &pending, sizeof(pending));
		if (!rc && !pending) {
			*ret_end = true;
			return 0;
		}
		if (!rc)
			rc = get(r, AT(data_offset), &offset, sizeof(offset));
		if (!rc)
			rc = get(r, AT(data_size), &size, sizeof(size));
		if (rc)
			return rc;
		r->v1_at = offset;
		r->v1_left = size;
	}
	if (bytes > r->v1_left)
		bytes = (size_t)r->v1_left;
	rc = bytes ? get(r, r->v1_at, data, (uint32_t)bytes) : 0;
	if (rc)
		return rc;
	r->v1_at += bytes;
	r->v1_left -= bytes;
	*ret_bytes = bytes;
	return 0;
}

static int v1_data_write(struct check_run *r, const void *data, size_t bytes)
{
	uint64_t offset, size = bytes;
	int rc = get(r, AT(data_offset), &offset, sizeof(offset));

	if (!rc)
		rc = put(r, offset, data, (uint32_t)bytes);
	return rc ? rc : put(r, AT(data_size), &size, sizeof(size));
}

static int v1_flags(struct check_run *r, uint64_t *ret)
{
	*ret = MIG_FLAG_STOP_COPY | MIG_FLAG_PRE_COPY;
	return 0;
}

static int dirty(struct check_run *r, uint32_t flags)
{
	const struct user_dirty_pages p = { sizeof(p), flags };

	return check_user_call(r, USER_DIRTY_PAGES, &p, sizeof(p), NULL, 0,
			       NULL, 0);
}

static int v1_log_start(struct check_run *r, uint64_t page_size,
			const struct mig_logging_range *ranges, uint32_t nr)
{
	return dirty(r, VFIO_IOMMU_DIRTY_PAGES_FLAG_START);
}

static int v1_log_stop(struct check_run *r)
{
	return dirty(r, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP);
}

static int v1_log_report(struct check_run *r, uint64_t iova, uint64_t length,
			 uint64_t page_size, uint64_t *map)
{
	uint64_t bits = (length + page_size - 1) / page_size;
	uint64_t bytes = (bits + 63) / 64 * 8;
	const struct user_bitmap_range range = { iova, length, page_size,
						 bytes };
	const size_t head = sizeof(struct user_dirty_pages) + sizeof(range);
	const struct user_dirty_pages p = {
		(uint32_t)(head + bytes), VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP
	};
	int rc = check_user_call(r, USER_DIRTY_PAGES, &p, sizeof(p), &range,
				 sizeof(range), NULL, 0);

	if (rc)
		return rc;
	if (r->reply.payload_bytes < head + bytes)
		return -EPROTO;
	memcpy(map, (const uint8_t *)r->reply.payload + head, bytes);
	return 0;
}

void check_port_v1(struct check_port *port)
{
	port->get_state = v1_get_state;
	port->set_state = v1_set_state;
	port->reset = v1_reset;
	port->data_read = v1_data_read;
	port->data_write = v1_data_write;
	port->flags = v1_flags;
	port->log_start = v1_log_start;
	port->log_stop = v1_log_stop;
	port->log_report = v1_log_report;
}

static bool is_migration(const struct vfio_region_info *info, size_t bytes)
{
	struct vfio_region_info_cap_type type;
	uint32_t at = info->cap_offset;
	unsigned int nr;

	for (nr = 0; nr < 16 && at >= sizeof(*info) && at < bytes &&
		     bytes - at >= sizeof(type.header);
	     nr++) {
		memcpy(&type.header, (const uint8_t *)info + at,
		       sizeof(type.header));
		if (type.header.id == VFIO_REGION_INFO_CAP_TYPE &&
		    bytes - at >= sizeof(type)) {
			memcpy(&type, (const uint8_t *)info + at, sizeof(type));
			if (type.type == MIG_V1_REGION_TYPE &&
			    type.subtype == MIG_V1_REGION_SUBTYPE)
				return true;
		}
		at = type.header.next;
	}
	return false;
}

bool check_find_v1(struct check_run *r)
{
	struct user_device_info device = { sizeof(device), 0, 0, 0 };
	struct vfio_region_info info;
	uint32_t i;

	if (check_user_call(r, USER_GET_INFO, &device, sizeof(device), NULL, 0,
			    NULL, 0) ||
	    r->reply.payload_bytes < sizeof(device))
		return false;
	memcpy(&device, r->reply.payload, sizeof(device));
	for (i = VFIO_PCI_NUM_REGIONS; i < device.num_regions && i < 64; i++) {
		info = (struct vfio_region_info){ .argsz = 4096, .index = i };
		if (check_user_call(r, USER_GET_REGION_INFO, &info,
				    sizeof(info), NULL, 0, NULL, 0) ||
		    r->reply.payload_bytes < sizeof(info))
			continue;
		if (is_migration(r->reply.payload, r->reply.payload_bytes)) {
			r->v1_region = i;
			return true;
		}
	}
	return false;
}
