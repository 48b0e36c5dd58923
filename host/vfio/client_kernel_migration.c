/* SPDX-License-Identifier: MIT */
/*
 * Migration v2 and dirty logging of the kernel's devices.
 * Source: linux/vfio.h (Linux 6.12), VFIO_DEVICE_FEATURE.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vfio/client_kernel.h"
#include "vfio/client_ops.h"

/* The largest of the features here, behind its head. */
struct feature {
	struct vfio_device_feature head;
	uint8_t data[64];
};

static int feature(struct vfio_client *c, uint32_t flags, void *data,
		   size_t bytes)
{
	union {
		struct feature f;
		uint64_t aligned;
	} u;
	int rc = 0;

	memset(&u, 0, sizeof(u));
	u.f.head.argsz = (uint32_t)(sizeof(u.f.head) + bytes);
	u.f.head.flags = flags;
	if (bytes)
		memcpy(u.f.head.data, data, bytes);
	c->calls++;
	if (ioctl(c->device_fd, VFIO_DEVICE_FEATURE, &u.f) < 0)
		rc = -errno;
	/* Also of a failure: the descriptor of a state that was changed. */
	if (bytes)
		memcpy(data, u.f.head.data, bytes);
	return rc;
}

static int get_state(struct vfio_client *c, uint32_t *ret)
{
	struct mig_feature_state f = { 0, -1 };
	int rc = feature(c, VFIO_DEVICE_FEATURE_GET | MIG_FEATURE_DEVICE_STATE,
			 &f, sizeof(f));

	*ret = f.device_state;
	return rc;
}

static bool has_data(uint32_t state)
{
	return state == MIG_STATE_STOP_COPY || state == MIG_STATE_PRE_COPY ||
	       state == MIG_STATE_PRE_COPY_P2P || state == MIG_STATE_RESUMING;
}

/* A descriptor comes as the saving group or RESUMING is entered. */
static int set_state(struct vfio_client *c, uint32_t state)
{
	struct mig_feature_state f = { state, -1 };
	int rc = feature(c, VFIO_DEVICE_FEATURE_SET | MIG_FEATURE_DEVICE_STATE,
			 &f, sizeof(f));

	if (rc)
		return rc;
	if ((f.data_fd >= 0 || !has_data(state)) && c->data_fd >= 0) {
		close(c->data_fd);
		c->data_fd = -1;
	}
	if (f.data_fd >= 0)
		c->data_fd = f.data_fd;
	return 0;
}

static int data_size(struct vfio_client *c, uint64_t *ret)
{
	struct mig_feature_data_size f = { 0 };
	int rc = feature(c, VFIO_DEVICE_FEATURE_GET | MIG_FEATURE_DATA_SIZE, &f,
			 sizeof(f));

	*ret = f.stop_copy_length;
	return rc == -ENOTTY || rc == -EINVAL ? -EOPNOTSUPP : rc;
}

static int precopy_info(struct vfio_client *c, struct mig_precopy_info *ret)
{
	*ret = (struct mig_precopy_info){ .argsz = sizeof(*ret) };
	c->calls++;
	if (ioctl(c->data_fd, MIG_GET_PRECOPY_INFO, ret) < 0)
		return errno == ENOTTY ? -EOPNOTSUPP : -errno;
	return 0;
}

static int data_ask(struct vfio_client *c, size_t bytes)
{
	(void)bytes;
	return c->data_fd < 0 ? -EBADF : 0;
}

/* The end of pre-copy is ENOMSG by the header, 0 in the field. */
static int data_take(struct vfio_client *c, const void **ret_data,
		     size_t *ret_bytes, bool *ret_end)
{
	ssize_t n;

	do {
		c->calls++;
		n = read(c->data_fd, c->buffer, c->asked);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno != ENOMSG)
		return -errno;
	*ret_data = c->buffer;
	*ret_bytes = n > 0 ? (size_t)n : 0;
	*ret_end = n <= 0;
	c->bytes_in += *ret_bytes;
	return 0;
}

/* Writes may be cut anywhere. */
static int data_give(struct vfio_client *c, const void *data, size_t bytes)
{
	const uint8_t *from = data;
	ssize_t n;

	if (c->data_fd < 0)
		return -EBADF;
	while (bytes) {
		c->calls++;
		n = write(c->data_fd, from, bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		from += n;
		bytes -= (size_t)n;
		c->bytes_out += (uint64_t)n;
	}
	return 0;
}

static int data_settle(struct vfio_client *c)
{
	(void)c;
	return 0;
}

static int log_start(struct vfio_client *c, uint64_t page_size,
		     const struct mig_logging_range *ranges, uint32_t nr)
{
	struct mig_logging_control control = {
		.page_size = page_size,
		.num_ranges = nr,
		.ranges = (uintptr_t)ranges,
	};

	return feature(c, VFIO_DEVICE_FEATURE_SET | MIG_FEATURE_LOGGING_START,
		       &control, sizeof(control));
}

static int log_stop(struct vfio_client *c)
{
	return feature(c, VFIO_DEVICE_FEATURE_SET | MIG_FEATURE_LOGGING_STOP,
		       NULL, 0);
}

static int log_report(struct vfio_client *c, uint64_t iova, uint64_t bytes,
		      uint64_t page_size, uint64_t *map)
{
	struct mig_logging_report report = { iova, bytes, page_size,
					     (uintptr_t)map };

	return feature(c, VFIO_DEVICE_FEATURE_GET | MIG_FEATURE_LOGGING_REPORT,
		       &report, sizeof(report));
}

static const struct client_migration_ops kernel_migration = {
	.get_state = get_state,
	.set_state = set_state,
	.data_size = data_size,
	.precopy_info = precopy_info,
	.data_ask = data_ask,
	.data_take = data_take,
	.data_give = data_give,
	.data_settle = data_settle,
	.log_start = log_start,
	.log_stop = log_stop,
	.log_report = log_report,
};

static bool can(struct vfio_client *c, uint32_t flags)
{
	return !feature(c, flags | VFIO_DEVICE_FEATURE_PROBE, NULL, 0);
}

void client_kernel_probe(struct vfio_client *c)
{
	struct mig_feature_migration f = { 0 };

	if (feature(c, VFIO_DEVICE_FEATURE_GET | MIG_FEATURE_MIGRATION, &f,
		    sizeof(f)) ||
	    !(f.flags & MIG_FLAG_STOP_COPY))
		return;
	c->flags = f.flags &
		   (MIG_FLAG_STOP_COPY | MIG_FLAG_P2P | MIG_FLAG_PRE_COPY);
	c->mig = &kernel_migration;
	c->logs = can(c, VFIO_DEVICE_FEATURE_SET | MIG_FEATURE_LOGGING_START) &&
		  can(c, VFIO_DEVICE_FEATURE_GET | MIG_FEATURE_LOGGING_REPORT);
}
