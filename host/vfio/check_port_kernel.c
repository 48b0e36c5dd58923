/* SPDX-License-Identifier: MIT */
/* A device of the kernel's, by the client of client.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vfio/check_priv.h"
#include "vfio/client_ops.h"

static void kernel_close(struct check_run *r)
{
	vfio_client_close(r->kernel);
	r->kernel = NULL;
}

static int kernel_open(struct check_run *r)
{
	const struct vfio_client_params p = {
		.target = r->params->target,
		.sysfs_device = r->params->sysfs_device,
		.protocol = VFIO_PROTOCOL_ANY,
		.timeout_ms = (unsigned int)r->params->timeout_ms,
		.cancel_fd = -1,
	};
	struct error err = { "" };
	int rc = vfio_client_open(&p, &r->kernel, &err);

	if (rc) {
		r->kernel = NULL;
		snprintf(r->broken, sizeof(r->broken), "%.150s", err.text);
	}
	return rc;
}

static int kernel_get_state(struct check_run *r, uint32_t *ret)
{
	return vfio_client_get_state(r->kernel, ret);
}

static int kernel_set_state(struct check_run *r, uint32_t state)
{
	return vfio_client_set_state(r->kernel, state);
}

static int kernel_data_read(struct check_run *r, void *data, size_t bytes,
			    size_t *ret_bytes, bool *ret_end)
{
	return vfio_client_data_read(r->kernel, data, bytes, ret_bytes,
				     ret_end);
}

static int kernel_data_write(struct check_run *r, const void *data,
			     size_t bytes)
{
	return vfio_client_data_write(r->kernel, data, bytes);
}

static int kernel_reset(struct check_run *r)
{
	return vfio_client_reset(r->kernel);
}

static int kernel_region_read(struct check_run *r, uint32_t region,
			      uint64_t offset, void *data, uint32_t bytes)
{
	return vfio_client_read(r->kernel, region, offset, data, bytes);
}

static int kernel_region_write(struct check_run *r, uint32_t region,
			       uint64_t offset, const void *data,
			       uint32_t bytes)
{
	return vfio_client_write(r->kernel, region, offset, data, bytes);
}

static int kernel_map(struct check_run *r, uint64_t address, uint64_t bytes,
		      uint32_t flags, int fd, void *hva)
{
	return vfio_client_map(r->kernel, address, bytes,
			       flags & USER_DMA_WRITEABLE, fd, 0, hva);
}

static int kernel_unmap(struct check_run *r, uint64_t address, uint64_t bytes)
{
	return vfio_client_unmap(r->kernel, address, bytes);
}

static int kernel_probe(struct check_run *r, uint32_t flags)
{
	struct vfio_device_feature f = {
		.argsz = sizeof(f),
		.flags = flags | VFIO_DEVICE_FEATURE_PROBE,
	};
	int fd = r->kernel->device_fd;

	return ioctl(fd, VFIO_DEVICE_FEATURE, &f) < 0 ? -errno : 0;
}

static int kernel_flags(struct check_run *r, uint64_t *ret)
{
	*ret = vfio_client_flags(r->kernel);
	r->device.v1 = *ret && vfio_client_is_v1(r->kernel);
	return *ret ? 0 : -ENOTTY;
}

static int kernel_data_size(struct check_run *r, uint64_t *ret)
{
	return vfio_client_data_size(r->kernel, ret);
}

static int kernel_log_start(struct check_run *r, uint64_t page_size,
			    const struct mig_logging_range *ranges, uint32_t nr)
{
	return vfio_client_log_start(r->kernel, page_size, ranges, nr);
}

static int kernel_log_stop(struct check_run *r)
{
	return vfio_client_log_stop(r->kernel);
}

static int kernel_log_report(struct check_run *r, uint64_t iova,
			     uint64_t length, uint64_t page_size, uint64_t *map)
{
	uint64_t bits = (length + page_size - 1) / page_size;

	/* The kernel ORs into it. */
	memset(map, 0, (bits + 63) / 64 * 8);
	return vfio_client_log_report(r->kernel, iova, length, page_size, map);
}

static int kernel_precopy_info(struct check_run *r,
			       struct mig_precopy_info *ret)
{
	return vfio_client_precopy_info(r->kernel, ret);
}

const struct check_port check_port_kernel = {
	.open = kernel_open,
	.close = kernel_close,
	.get_state = kernel_get_state,
	.set_state = kernel_set_state,
	.data_read = kernel_data_read,
	.data_write = kernel_data_write,
	.reset = kernel_reset,
	.region_read = kernel_region_read,
	.region_write = kernel_region_write,
	.map = kernel_map,
	.unmap = kernel_unmap,
	.feature_probe = kernel_probe,
	.flags = kernel_flags,
	.data_size = kernel_data_size,
	.log_start = kernel_log_start,
	.log_stop = kernel_log_stop,
	.log_report = kernel_log_report,
	.precopy_info = kernel_precopy_info,
};
