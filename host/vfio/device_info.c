/* SPDX-License-Identifier: MIT */
/* What the device says about itself. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/device_priv.h"
#include "vfio/device_server.h"
#include "vfio/uapi.h"

void device_reply_put(struct device_reply *r, const void *data, size_t bytes)
{
	memcpy(r->data + r->bytes, data, bytes);
	r->bytes += bytes;
}

/* Ours, as far as the client named them too: the text wants a subset. */
static struct user_caps own_caps(unsigned int named)
{
	struct user_caps caps = {
		.max_msg_fds = USER_MAX_FDS,
		.max_xfer_bytes = USER_DEFAULT_XFER_BYTES,
		.max_dma_maps = USER_DEFAULT_DMA_MAPS,
		.pgsizes = USER_DEFAULT_PGSIZES,
		.write_multi = true,
	};

	caps.named = named & ~USER_CAP_TWIN_SOCKET;
	return caps;
}

int device_handle_version(struct vfio_device *d, struct user_message *m,
			  struct device_reply *r)
{
	struct user_version version;
	struct user_caps caps;
	size_t bytes;
	void *data;
	int rc;

	if (d->negotiated)
		return -EINVAL;
	r->hang_up = true;
	if (user_version_parse(m->payload, m->payload_bytes, &version, &caps))
		return -EINVAL;
	if (version.major != USER_MAJOR)
		return -ENOTSUP;
	d->peer = caps;
	caps = own_caps(caps.named);
	rc = user_version_build(USER_MAJOR,
				version.minor < USER_MINOR ? version.minor
							   : USER_MINOR,
				&caps, &data, &bytes);
	if (rc)
		return rc;
	device_reply_put(r, data, bytes);
	free(data);
	d->negotiated = true;
	r->hang_up = false;
	return 0;
}

static uint32_t nr_regions(const struct vfio_device *d)
{
	return d->v1.data ? DEVICE_V1_REGION + 1 : DEVICE_NR_REGIONS;
}

int device_handle_info(struct vfio_device *d, struct user_message *m,
		       struct device_reply *r)
{
	struct user_device_info info;
	const uint64_t more = 0;

	memcpy(&info, m->payload, sizeof(info));
	if (info.argsz < sizeof(info))
		return -EINVAL;
	info = (struct user_device_info){
		.argsz = sizeof(info),
		.flags = VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI,
		.num_regions = nr_regions(d),
		.num_irqs = DEVICE_NR_IRQS,
	};
	device_reply_put(r, &info, sizeof(info));
	if (device_has_fault(d, FAULT_WRONG_REPLY_SIZE))
		device_reply_put(r, &more, sizeof(more));
	return 0;
}

_Static_assert(ABI_DMA_REGS_BYTES == ABI_DMA_MSIX_BYTES, "BAR 0 and BAR 1");

uint64_t device_region_bytes(const struct vfio_device *d, uint32_t index)
{
	switch (index) {
	case VFIO_PCI_BAR0_REGION_INDEX:
	case VFIO_PCI_BAR1_REGION_INDEX:
		return ABI_DMA_REGS_BYTES;
	case VFIO_PCI_BAR2_REGION_INDEX:
		return ABI_DMA_MEMORY_BYTES;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		return PCI_STATE_CONFIG_BYTES;
	case DEVICE_V1_REGION:
		return d->v1.data ? DEVICE_V1_REGION_BYTES : 0;
	default:
		return 0;
	}
}

/* The largest info: both capabilities, with one area. */
struct region_reply {
	struct vfio_region_info info;
	uint8_t caps[64];
	uint32_t bytes; /* of info and caps */
};

static void add_cap(struct region_reply *reply,
		    struct vfio_info_cap_header *cap, size_t bytes)
{
	struct vfio_info_cap_header *before;

	if (!reply->info.cap_offset) {
		reply->info.cap_offset = reply->bytes;
	} else {
		before = (void *)((uint8_t *)reply + reply->info.cap_offset);
		before->next = reply->bytes;
	}
	cap->version = 1;
	memcpy((uint8_t *)reply + reply->bytes, cap, bytes);
	reply->bytes += (uint32_t)bytes;
	reply->info.flags |= VFIO_REGION_INFO_FLAG_CAPS;
}

static void add_sparse(struct region_reply *reply, uint64_t from)
{
	struct {
		struct vfio_region_info_cap_sparse_mmap cap;
		struct vfio_region_sparse_mmap_area area;
	} sparse = {
		.cap = { .header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP,
			 .nr_areas = 1 },
		.area = { from, reply->info.size - from },
	};

	add_cap(reply, &sparse.cap.header, sizeof(sparse));
}

static void describe(const struct vfio_device *d, struct region_reply *reply,
		     struct device_reply *r)
{
	struct vfio_region_info_cap_type type = {
		.header.id = VFIO_REGION_INFO_CAP_TYPE,
		.type = MIG_V1_REGION_TYPE,
		.subtype = MIG_V1_REGION_SUBTYPE,
	};
	bool bar = reply->info.index == VFIO_PCI_BAR2_REGION_INDEX;
	bool v1 = reply->info.index == DEVICE_V1_REGION;

	if (reply->info.size)
		reply->info.flags = VFIO_REGION_INFO_FLAG_READ |
				    VFIO_REGION_INFO_FLAG_WRITE;
	if (v1)
		add_cap(reply, &type.header, sizeof(type));
	if ((!bar && !v1) || d->params.mapping == DEVICE_TRAPPED)
		return;
	reply->info.flags |= VFIO_REGION_INFO_FLAG_MMAP;
	r->fd = bar ? d->memory_fd : d->v1.fd;
	/* The registers of v1 are never mapped. */
	if (v1 || d->params.mapping == DEVICE_SPARSE)
		add_sparse(reply, DEVICE_V1_DATA_OFFSET);
}

int device_handle_region_info(struct vfio_device *d, struct user_message *m,
			      struct device_reply *r)
{
	struct region_reply reply = { .bytes = sizeof(reply.info) };
	struct vfio_region_info asked;

	memcpy(&asked, m->payload, sizeof(asked));
	if (asked.argsz < sizeof(asked) || asked.index >= nr_regions(d))
		return -EINVAL;
	reply.info.index = asked.index;
	reply.info.size = device_region_bytes(d, asked.index);
	describe(d, &reply, r);
	reply.info.argsz = reply.bytes;
	if (reply.bytes > asked.argsz) {
		/* What is needed; the client asks again. */
		reply.info.cap_offset = 0;
		reply.bytes = sizeof(reply.info);
	}
	device_reply_put(r, &reply, reply.bytes);
	return 0;
}

int device_handle_region_io_fds(struct vfio_device *d, struct user_message *m,
				struct device_reply *r)
{
	struct user_region_io_fds io;

	memcpy(&io, m->payload, sizeof(io));
	if (io.argsz < sizeof(io) || io.flags || io.count ||
	    io.index >= nr_regions(d))
		return -EINVAL;
	/* No region has any. */
	io.argsz = sizeof(io);
	device_reply_put(r, &io, sizeof(io));
	return 0;
}

int device_handle_reset(struct vfio_device *d, struct user_message *m,
			struct device_reply *r)
{
	device_reset(d);
	return 0;
}
