/* SPDX-License-Identifier: MIT */
/*
 * Migration v1: a region with registers and a window for data.
 * Source: Linux 5.17, include/uapi/linux/vfio.h, vfio_device_migration_info.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/sealed.h"
#include "vfio/client_ops.h"

/* Of a window that is not read yet as its device stops. */
#define MAX_CARRY (64ull << 20)

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

/* The next @bytes of the window, up to what a message carries. */
static int fetch(struct vfio_client *c, uint8_t *to, size_t bytes)
{
	struct client_v1 *v = &c->v1;
	int rc = 0;

	if (is_mapped(v, v->left_at, bytes))
		/* Out of the device's hands: it may change it. */
		memcpy(to, v->mapped + v->left_at, bytes);
	else
		rc = c->ops->read(c, v->region, v->left_at, to,
				  (uint32_t)bytes);
	v->left_at += bytes;
	v->left -= bytes;
	return rc;
}

static void take_carry(struct client_v1 *v, const void **ret_data,
		       size_t *ret_bytes, bool *ret_end)
{
	size_t bytes = v->carry_left < v->asked ? v->carry_left : v->asked;

	*ret_data = v->carry + v->carry_at;
	*ret_bytes = bytes;
	*ret_end = false;
	v->carry_at += bytes;
	v->carry_left -= bytes;
}

static int data_take(struct vfio_client *c, const void **ret_data,
		     size_t *ret_bytes, bool *ret_end)
{
	struct client_v1 *v = &c->v1;
	size_t bytes;
	int rc;

	if (v->carry_left) {
		take_carry(v, ret_data, ret_bytes, ret_end);
		return 0;
	}
	rc = ready(c);
	if (rc)
		return rc;
	bytes = v->left < v->asked ? v->left : v->asked;
	*ret_end = !bytes;
	*ret_bytes = bytes;
	*ret_data = v->buffer;
	return bytes ? fetch(c, v->buffer, bytes) : 0;
}

/*
 * What the window still has when the device is stopped belongs to its stream,
 * and a change of state may make another one of it.
 */
static int carry_over(struct vfio_client *c)
{
	struct client_v1 *v = &c->v1;
	uint8_t *to;
	int rc = 0;

	if (!v->left)
		return 0;
	if (v->left > MAX_CARRY)
		return -EMSGSIZE;
	to = realloc(v->carry, v->left);
	if (!to)
		return -ENOMEM;
	v->carry = to;
	v->carry_at = 0;
	v->carry_left = v->left;
	while (!rc && v->left) {
		size_t bytes = v->left < c->room ? v->left : c->room;

		rc = fetch(c, to, bytes);
		to += bytes;
	}
	return rc;
}

static int set_state(struct vfio_client *c, uint32_t state)
{
	struct client_v1 *v = &c->v1;
	bool goes_on =
		v->state == MIG_V1_PRE_COPY && state == MIG_STATE_STOP_COPY;
	size_t i;
	int rc;

	for (i = 0; i < NR_STATES && states[i].v2 != state; i++)
		;
	if (i == NR_STATES)
		return -EINVAL;
	rc = goes_on ? carry_over(c) : 0;
	if (rc)
		return rc;
	v->left = 0;
	if (!goes_on)
		v->carry_left = 0;
	rc = set_reg(c, AT(device_state), &states[i].v1, sizeof(states[i].v1));
	if (!rc)
		v->state = states[i].v1;
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

static const struct client_migration_ops v1_migration = {
	.get_state = get_state,
	.set_state = set_state,
	.data_size = data_size,
	.data_ask = data_ask,
	.data_take = data_take,
	.data_give = data_give,
	.data_settle = data_settle,
	.log_start = client_v1_log_start,
	.log_stop = client_v1_log_stop,
	.log_report = client_v1_log_report,
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
	free(c->v1.carry);
}
