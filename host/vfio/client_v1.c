/* SPDX-License-Identifier: MIT */
/*
 * Migration v1: a region with registers and a window for data, and the device's
 * own dirty bitmap over vfio-user.
 * Source: Linux 5.17, include/uapi/linux/vfio.h, vfio_device_migration_info.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/sealed.h"
#include "vfio/client_ops.h"

#define AT(field) offsetof(struct mig_v1_region, field)

static int get_reg(struct vfio_client *c, size_t offset, void *ret,
		   uint32_t bytes)
{
	return c->ops->read(c, c->v1.region, offset, ret, bytes);
}

static int set_reg(struct vfio_client *c, size_t offset, const void *value,
		   uint32_t bytes)
{
	return c->ops->write(c, c->v1.region, offset, value, bytes);
}

/* ---- states -------------------------------------------------------------- */

static const struct {
	uint32_t v1, v2;
} states[] = {
	{ MIG_V1_STOP, MIG_STATE_STOP },
	{ MIG_V1_RUNNING, MIG_STATE_RUNNING },
	{ MIG_V1_STOP_COPY, MIG_STATE_STOP_COPY },
	{ MIG_V1_PRE_COPY, MIG_STATE_PRE_COPY },
	{ MIG_V1_RESUMING, MIG_STATE_RESUMING },
};
#define NR_STATES (sizeof(states) / sizeof(states[0]))

static int get_state(struct vfio_client *c, uint32_t *ret)
{
	uint32_t state = 0;
	size_t i;
	int rc = get_reg(c, AT(device_state), &state, sizeof(state));

	*ret = MIG_STATE_ERROR;
	for (i = 0; !rc && i < NR_STATES; i++)
		if (states[i].v1 == state)
			*ret = states[i].v2;
	return rc;
}

static int set_state(struct vfio_client *c, uint32_t state)
{
	size_t i;
	int rc;

	c->v1.left = 0;
	for (i = 0; i < NR_STATES; i++)
		if (states[i].v2 == state) {
			rc = set_reg(c, AT(device_state), &states[i].v1,
				     sizeof(states[i].v1));
			if (!rc)
				c->v1.state = states[i].v1;
			return rc;
		}
	return -EINVAL;
}

static int data_size(struct vfio_client *c, uint64_t *ret)
{
	return get_reg(c, AT(pending_bytes), ret, sizeof(*ret));
}

/* ---- the window ---------------------------------------------------------- */

static bool is_mapped(const struct client_v1 *v, uint64_t at, size_t bytes)
{
	return v->mapped && at >= v->mapped_from && at <= v->mapped_to &&
	       bytes <= v->mapped_to - at;
}

static int check_window(const struct client_v1 *v, uint64_t at, uint64_t bytes)
{
	return at < sizeof(struct mig_v1_region) || at > v->region_bytes ||
			       bytes > v->region_bytes - at
		       ? -EPROTO
		       : 0;
}

/* What the device has made ready: the rest of the last, or the next. */
static int ready(struct vfio_client *c)
{
	struct client_v1 *v = &c->v1;
	uint64_t pending = 0;
	int rc;

	if (v->left)
		return 0;
	rc = get_reg(c, AT(pending_bytes), &pending, sizeof(pending));
	if (rc || !pending)
		return rc;
	rc = get_reg(c, AT(data_offset), &v->left_at, sizeof(v->left_at));
	if (!rc)
		rc = get_reg(c, AT(data_size), &v->left, sizeof(v->left));
	if (!rc)
		rc = check_window(v, v->left_at, v->left);
	if (rc)
		v->left = 0;
	return rc;
}

static int data_ask(struct vfio_client *c, size_t bytes)
{
	c->v1.asked = bytes;
	return 0;
}

static int data_take(struct vfio_client *c, const void **ret_data,
		     size_t *ret_bytes, bool *ret_end)
{
	struct client_v1 *v = &c->v1;
	size_t bytes;
	int rc = ready(c);

	if (rc)
		return rc;
	bytes = v->left < v->asked ? v->left : v->asked;
	*ret_end = !bytes;
	*ret_bytes = bytes;
	*ret_data = v->buffer;
	if (!bytes)
		return 0;
	if (is_mapped(v, v->left_at, bytes))
		/* Out of the device's hands: it may change it. */
		memcpy(v->buffer, v->mapped + v->left_at, bytes);
	else
		rc = c->ops->read(c, v->region, v->left_at, v->buffer,
				  (uint32_t)bytes);
	v->left_at += bytes;
	v->left -= bytes;
	return rc;
}

static int give(struct vfio_client *c, const uint8_t *data, uint64_t bytes)
{
	struct client_v1 *v = &c->v1;
	uint64_t at;
	int rc = get_reg(c, AT(data_offset), &at, sizeof(at));

	if (!rc)
		rc = check_window(v, at, bytes);
	if (rc)
		return rc;
	if (is_mapped(v, at, bytes))
		memcpy(v->mapped + at, data, bytes);
	else
		rc = c->ops->write(c, v->region, at, data, (uint32_t)bytes);
	return rc ? rc : set_reg(c, AT(data_size), &bytes, sizeof(bytes));
}

/* The window may be smaller than what is to be given. */
static int data_give(struct vfio_client *c, const void *data, size_t bytes)
{
	struct client_v1 *v = &c->v1;
	const uint8_t *from = data;
	size_t most, piece;
	uint64_t at;
	int rc = get_reg(c, AT(data_offset), &at, sizeof(at));

	if (!rc)
		rc = check_window(v, at, 1);
	while (!rc && bytes) {
		most = v->region_bytes - at;
		piece = bytes < most ? bytes : most;
		rc = give(c, from, piece);
		from += piece;
		bytes -= piece;
	}
	return rc;
}

static int data_settle(struct vfio_client *c)
{
	(void)c;
	return 0;
}

/* ---- dirty pages, of vfio-user only -------------------------------------- */

static int dirty_pages(struct vfio_client *c, uint32_t flags, const void *data,
		       size_t bytes, size_t room)
{
	const struct user_dirty_pages d = {
		.argsz = (uint32_t)(sizeof(d) + room),
		.flags = flags,
	};

	return client_user_call(c, USER_DIRTY_PAGES, &d, sizeof(d), data, bytes,
				NULL, 0);
}

static int log_start(struct vfio_client *c, uint64_t page_size,
		     const struct mig_logging_range *ranges, uint32_t nr)
{
	(void)page_size;
	(void)ranges;
	(void)nr;
	if (!c->logs)
		return -EOPNOTSUPP;
	return dirty_pages(c, VFIO_IOMMU_DIRTY_PAGES_FLAG_START, NULL, 0, 0);
}

static int log_stop(struct vfio_client *c)
{
	if (!c->logs)
		return -EOPNOTSUPP;
	return dirty_pages(c, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP, NULL, 0, 0);
}

static int report(struct vfio_client *c, uint64_t iova, uint64_t bytes,
		  uint64_t page_size, uint64_t *map)
{
	size_t words = (bytes / page_size + 63) / 64, i;
	const struct user_bitmap_range range = { iova, bytes, page_size,
						 words * 8 };
	size_t head = sizeof(struct user_dirty_pages) + sizeof(range);
	const uint8_t *from;
	int rc = dirty_pages(c, VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP, &range,
			     sizeof(range), sizeof(range) + words * 8);

	if (rc)
		return rc;
	if (c->reply.payload_bytes < head + words * 8)
		return client_user_nonsense(c, "DIRTY_PAGES");
	from = (const uint8_t *)c->reply.payload + head;
	for (i = 0; i < words; i++) {
		uint64_t word;

		memcpy(&word, from + i * 8, 8);
		map[i] |= word;
	}
	return 0;
}

static int log_report(struct vfio_client *c, uint64_t iova, uint64_t bytes,
		      uint64_t page_size, uint64_t *map)
{
	const uint64_t words = USER_FIELD_XFER_BYTES / 2 / 8;
	uint64_t most = words * 64 * page_size;
	int rc = 0;

	if (!c->logs)
		return -EOPNOTSUPP;
	if (!page_size || bytes % page_size)
		return -EINVAL;
	while (!rc && bytes) {
		uint64_t piece = bytes < most ? bytes : most;

		rc = report(c, iova, piece, page_size, map);
		iova += piece;
		bytes -= piece;
		map += words;
	}
	return rc;
}

static const struct client_migration_ops v1_migration = {
	.get_state = get_state,
	.set_state = set_state,
	.data_size = data_size,
	.data_ask = data_ask,
	.data_take = data_take,
	.data_give = data_give,
	.data_settle = data_settle,
	.log_start = log_start,
	.log_stop = log_stop,
	.log_report = log_report,
};

/* ---- finding it ---------------------------------------------------------- */

static void map_window(struct client_v1 *v, const struct vfio_region *r)
{
	uint64_t end;
	void *area;

	end = r->area[0].offset + r->area[0].bytes;
	area = mmap(NULL, r->area[0].bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		    r->fd, (off_t)(r->fd_offset + r->area[0].offset));
	if (area == MAP_FAILED)
		return;
	v->area = area;
	v->area_bytes = r->area[0].bytes;
	v->mapped_from = r->area[0].offset;
	v->mapped_to = end;
	v->mapped = (uint8_t *)area - v->mapped_from;
}

/* A file that the peer may shrink while we copy would end us. */
static bool is_safe(const struct vfio_client *c, const struct vfio_region *r)
{
	if (r->nr_areas != 1 || r->fd < 0)
		return false;
	return c->device_fd >= 0 ||
	       sealed_fd(r->fd,
			 r->fd_offset + r->area[0].offset + r->area[0].bytes);
}

static int use(struct vfio_client *c, uint32_t index, struct vfio_region *r)
{
	struct client_v1 *v = &c->v1;

	v->region = index;
	v->region_bytes = r->bytes;
	v->buffer = malloc(c->room);
	if (!v->buffer)
		return -ENOMEM;
	if (is_safe(c, r))
		map_window(v, r);
	c->mig = &v1_migration;
	c->is_v1 = true;
	c->flags = MIG_FLAG_STOP_COPY | MIG_FLAG_PRE_COPY;
	c->logs = c->device_fd < 0;
	return 0;
}

int client_v1_open(struct vfio_client *c)
{
	struct vfio_region r;
	uint32_t i;
	int rc;

	for (i = VFIO_PCI_NUM_REGIONS; i < c->nr_regions; i++) {
		rc = c->ops->region(c, i, &r);
		if (c->lost)
			return rc;
		if (rc)
			continue;
		if (r.type == MIG_V1_REGION_TYPE &&
		    r.subtype == MIG_V1_REGION_SUBTYPE &&
		    r.bytes > sizeof(struct mig_v1_region))
			rc = use(c, i, &r);
		if (r.fd >= 0)
			close(r.fd);
		if (rc || c->mig)
			return rc;
	}
	return -EOPNOTSUPP;
}

void client_v1_close(struct vfio_client *c)
{
	if (c->v1.area)
		munmap(c->v1.area, c->v1.area_bytes);
	free(c->v1.buffer);
}
