/* SPDX-License-Identifier: MIT */
/* A device of the kernel's: /dev/vfio/N, with the type 1 IOMMU. */
#include "vfio/client_kernel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vfio/client_ops.h"

#define ROOM (1u << 20)
/* Of a region's answer, with its capabilities. */
#define MAX_ANSWER 65536u
#define MAX_VECTORS 2048u

static int control(struct vfio_client *c, unsigned long request, void *arg)
{
	c->calls++;
	return ioctl(c->device_fd, request, arg) < 0 ? -errno : 0;
}

static void kernel_close(struct vfio_client *c)
{
	if (c->data_fd >= 0)
		close(c->data_fd);
	if (c->device_fd >= 0)
		close(c->device_fd);
	if (c->group_fd >= 0)
		close(c->group_fd);
	if (c->container_fd >= 0)
		close(c->container_fd);
	free(c->buffer);
}

static int ask_region(struct vfio_client *c, uint32_t index, void **ret,
		      size_t *ret_bytes)
{
	struct vfio_region_info info = { .argsz = sizeof(info),
					 .index = index };
	struct vfio_region_info *all;
	int rc = control(c, VFIO_DEVICE_GET_REGION_INFO, &info);

	if (rc)
		return rc;
	if (info.argsz < sizeof(info) || info.argsz > MAX_ANSWER)
		return -EPROTO;
	all = calloc(1, info.argsz);
	if (!all)
		return -ENOMEM;
	*ret_bytes = info.argsz;
	all->argsz = info.argsz;
	all->index = index;
	rc = control(c, VFIO_DEVICE_GET_REGION_INFO, all);
	if (rc)
		free(all);
	else
		*ret = all;
	return rc;
}

static int kernel_region(struct vfio_client *c, uint32_t index,
			 struct vfio_region *ret)
{
	struct vfio_region_info *info;
	void *answer;
	size_t bytes;
	int rc = ask_region(c, index, &answer, &bytes);

	*ret = (struct vfio_region){ .fd = -1 };
	if (rc)
		return rc;
	info = answer;
	rc = client_region_caps(answer, bytes, ret);
	ret->fd_offset = info->offset;
	free(answer);
	if (rc || !ret->nr_areas)
		return rc;
	ret->fd = fcntl(c->device_fd, F_DUPFD_CLOEXEC, 0);
	return ret->fd < 0 ? -errno : 0;
}

/* Where a region lies in the device's file. */
static int locate(struct vfio_client *c, uint32_t region, uint64_t offset,
		  uint32_t bytes, off_t *ret)
{
	struct vfio_region_info info = { .argsz = sizeof(info),
					 .index = region };
	int rc = control(c, VFIO_DEVICE_GET_REGION_INFO, &info);

	if (rc)
		return rc;
	if (offset > info.size || bytes > info.size - offset)
		return -EINVAL;
	*ret = (off_t)(info.offset + offset);
	return 0;
}

static int kernel_read(struct vfio_client *c, uint32_t region, uint64_t offset,
		       void *data, uint32_t bytes)
{
	off_t at;
	ssize_t n;
	int rc = locate(c, region, offset, bytes, &at);

	if (rc)
		return rc;
	c->calls++;
	n = pread(c->device_fd, data, bytes, at);
	if (n < 0)
		return -errno;
	return (size_t)n == bytes ? 0 : -EIO;
}

static int kernel_write(struct vfio_client *c, uint32_t region, uint64_t offset,
			const void *data, uint32_t bytes)
{
	off_t at;
	ssize_t n;
	int rc = locate(c, region, offset, bytes, &at);

	if (rc)
		return rc;
	c->calls++;
	n = pwrite(c->device_fd, data, bytes, at);
	if (n < 0)
		return -errno;
	return (size_t)n == bytes ? 0 : -EIO;
}

static int kernel_irq_count(struct vfio_client *c, uint32_t index,
			    uint32_t *ret)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };
	int rc = control(c, VFIO_DEVICE_GET_IRQ_INFO, &info);

	*ret = rc ? 0 : info.count;
	return rc;
}

static int kernel_set_irqs(struct vfio_client *c, uint32_t index,
			   uint32_t start, uint32_t nr, const int *fds)
{
	struct {
		struct vfio_irq_set set;
		int fds[MAX_VECTORS];
	} a = { .set = { .argsz = (uint32_t)(sizeof(a.set) + nr * sizeof(int)),
			 .flags = VFIO_IRQ_SET_ACTION_TRIGGER |
				  VFIO_IRQ_SET_DATA_EVENTFD,
			 .index = index,
			 .start = start,
			 .count = nr } };

	if (nr > MAX_VECTORS)
		return -EINVAL;
	if (nr)
		memcpy(a.fds, fds, nr * sizeof(int));
	else
		a.set.flags =
			VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_NONE;
	return control(c, VFIO_DEVICE_SET_IRQS, &a);
}

static int kernel_map(struct vfio_client *c, uint64_t iova, uint64_t bytes,
		      bool writeable, int fd, uint64_t fd_offset, void *hva)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ |
			 (writeable ? VFIO_DMA_MAP_FLAG_WRITE : 0),
		.vaddr = (uintptr_t)hva,
		.iova = iova,
		.size = bytes,
	};

	(void)fd;
	(void)fd_offset;
	c->calls++;
	return ioctl(c->container_fd, VFIO_IOMMU_MAP_DMA, &map) < 0 ? -errno
								    : 0;
}

static int kernel_unmap(struct vfio_client *c, uint64_t iova, uint64_t bytes)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = bytes,
	};

	c->calls++;
	if (ioctl(c->container_fd, VFIO_IOMMU_UNMAP_DMA, &unmap) < 0)
		return -errno;
	return unmap.size == bytes ? 0 : -ENOENT;
}

static int kernel_reset(struct vfio_client *c)
{
	return control(c, VFIO_DEVICE_RESET, NULL);
}

static int kernel_serve(struct vfio_client *c)
{
	(void)c;
	return 0;
}

static const struct client_ops kernel_ops = {
	.close = kernel_close,
	.region = kernel_region,
	.read = kernel_read,
	.write = kernel_write,
	.irq_count = kernel_irq_count,
	.set_irqs = kernel_set_irqs,
	.map = kernel_map,
	.unmap = kernel_unmap,
	.reset = kernel_reset,
	.serve = kernel_serve,
};

/* ---- opening ------------------------------------------------------------- */

/* The group's device: the one that there is, or the one that was named. */
static int find_device(const struct vfio_client *c, const char *group,
		       char name[NAME_MAX + 1], struct error *err)
{
	char path[PATH_MAX];
	struct dirent *e;
	unsigned int nr = 0;
	DIR *dir;

	if (c->params.sysfs_device) {
		snprintf(name, NAME_MAX + 1, "%s", c->params.sysfs_device);
		return 0;
	}
	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%s/devices",
		 group);
	dir = opendir(path);
	if (!dir)
		return error_set(err, -errno,
				 "cannot see which devices are in group %s",
				 group);
	while ((e = readdir(dir)))
		if (e->d_name[0] != '.' && !nr++)
			snprintf(name, NAME_MAX + 1, "%s", e->d_name);
	closedir(dir);
	if (nr == 1)
		return 0;
	return error_set(err, -EINVAL,
			 "group %s has %u devices: name one after a colon, as "
			 "/sys/kernel/iommu_groups does",
			 group, nr);
}

static int attach(struct vfio_client *c, struct error *err)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	if (ioctl(c->container_fd, VFIO_GET_API_VERSION) != VFIO_API_VERSION ||
	    ioctl(c->container_fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) <=
		    0)
		return error_set(err, -EOPNOTSUPP,
				 "this kernel's VFIO has no type 1 IOMMU");
	if (ioctl(c->group_fd, VFIO_GROUP_GET_STATUS, &status) < 0)
		return error_set(err, -errno, "%s: cannot ask for its status",
				 c->params.target);
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return error_set(err, -EBUSY,
				 "%s: a device of the group has another driver "
				 "than vfio",
				 c->params.target);
	if (ioctl(c->group_fd, VFIO_GROUP_SET_CONTAINER, &c->container_fd) < 0)
		return error_set(err, -errno, "%s: cannot use the group: %s",
				 c->params.target, strerror(errno));
	if (ioctl(c->container_fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) < 0)
		return error_set(err, -errno, "%s: cannot use the IOMMU: %s",
				 c->params.target, strerror(errno));
	return 0;
}

static int open_device(struct vfio_client *c, struct error *err)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	char name[NAME_MAX + 1] = "";
	int rc = find_device(c, c->params.target + strlen("/dev/vfio/"), name,
			     err);

	if (rc)
		return rc;
	c->device_fd = ioctl(c->group_fd, VFIO_GROUP_GET_DEVICE_FD, name);
	if (c->device_fd < 0)
		return error_set(err, -errno, "%s has no device '%s': %s",
				 c->params.target, name, strerror(errno));
	fcntl(c->device_fd, F_SETFD, FD_CLOEXEC);
	rc = control(c, VFIO_DEVICE_GET_INFO, &info);
	if (rc)
		return error_set(err, rc, "%s tells nothing of itself: %s",
				 name, strerror(-rc));
	c->nr_regions = info.num_regions;
	c->nr_irqs = info.num_irqs;
	c->device_flags = info.flags;
	return 0;
}

int client_kernel_open(struct vfio_client *c, struct error *err)
{
	int rc;

	c->ops = &kernel_ops;
	c->room =
		c->params.room && c->params.room < ROOM ? c->params.room : ROOM;
	c->buffer = malloc(c->room);
	if (!c->buffer)
		return error_set(err, -ENOMEM, "no memory");
	c->group_fd = open(c->params.target, O_RDWR | O_CLOEXEC);
	if (c->group_fd < 0)
		return error_set(err, -errno,
				 "cannot open %s: %s; is a device bound to a "
				 "vfio driver?",
				 c->params.target, strerror(errno));
	c->container_fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (c->container_fd < 0)
		return error_set(err, -errno, "cannot open /dev/vfio/vfio: %s",
				 strerror(errno));
	rc = attach(c, err);
	if (!rc)
		rc = open_device(c, err);
	if (!rc)
		client_kernel_probe(c);
	return rc;
}
