/* SPDX-License-Identifier: MIT */
/* What a device says of a region: a chain of capabilities, hostile. */
#include <errno.h>
#include <string.h>

#include "vfio/client_ops.h"

/* A chain is at most that long: one that bites its tail ends. */
#define MAX_CAPS 32u

struct answer {
	const uint8_t *data;
	size_t bytes;
};

static bool get(const struct answer *a, size_t at, void *ret, size_t bytes)
{
	if (at > a->bytes || bytes > a->bytes - at)
		return false;
	memcpy(ret, a->data + at, bytes);
	return true;
}

/* Areas that are empty or no whole pages are of no use: left out. */
static int take_areas(const struct answer *a, size_t at,
		      struct vfio_region *ret)
{
	struct vfio_region_info_cap_sparse_mmap cap;
	struct vfio_region_sparse_mmap_area area;
	uint32_t i;

	if (!get(a, at, &cap, sizeof(cap)))
		return -EPROTO;
	ret->nr_areas = 0;
	for (i = 0; i < cap.nr_areas && ret->nr_areas < VFIO_MAX_AREAS; i++) {
		if (!get(a, at + sizeof(cap) + i * sizeof(area), &area,
			 sizeof(area)))
			return -EPROTO;
		if (area.offset > ret->bytes ||
		    area.size > ret->bytes - area.offset)
			return -EPROTO;
		if (!area.size || (area.offset | area.size) % 4096)
			continue;
		ret->area[ret->nr_areas].offset = area.offset;
		ret->area[ret->nr_areas++].bytes = area.size;
	}
	return 0;
}

static int take_cap(const struct answer *a, size_t at, uint16_t id,
		    struct vfio_region *ret)
{
	struct vfio_region_info_cap_type type;

	if (id == VFIO_REGION_INFO_CAP_SPARSE_MMAP &&
	    (ret->flags & VFIO_REGION_INFO_FLAG_MMAP))
		return take_areas(a, at, ret);
	if (id != VFIO_REGION_INFO_CAP_TYPE)
		return 0;
	if (!get(a, at, &type, sizeof(type)))
		return -EPROTO;
	ret->type = type.type;
	ret->subtype = type.subtype;
	return 0;
}

int client_region_caps(const void *data, size_t bytes, struct vfio_region *ret)
{
	const struct answer a = { data, bytes };
	struct vfio_info_cap_header cap;
	struct vfio_region_info info;
	unsigned int i;
	size_t at;
	int rc;

	if (!get(&a, 0, &info, sizeof(info)))
		return -EPROTO;
	ret->bytes = info.size;
	ret->flags = info.flags;
	if ((info.flags & VFIO_REGION_INFO_FLAG_MMAP) && info.size &&
	    !(info.size % 4096)) {
		ret->nr_areas = 1;
		ret->area[0].offset = 0;
		ret->area[0].bytes = info.size;
	}
	at = info.flags & VFIO_REGION_INFO_FLAG_CAPS ? info.cap_offset : 0;
	for (i = 0; at && i < MAX_CAPS; i++) {
		if (at < sizeof(info) || !get(&a, at, &cap, sizeof(cap)))
			return -EPROTO;
		rc = take_cap(&a, at, cap.id, ret);
		if (rc)
			return rc;
		at = cap.next;
	}
	return at ? -EPROTO : 0;
}
