/* SPDX-License-Identifier: MIT */
/* The client's memory: mapped, unmapped, and the dirty pages of v1. */
#include <errno.h>
#include <string.h>

#include "vfio/device_priv.h"
#include "vfio/device_server.h"

int device_handle_dma_map(struct vfio_device *d, struct user_message *m,
			  struct device_reply *r)
{
	struct user_dma_map map;

	memcpy(&map, m->payload, sizeof(map));
	if (map.argsz < sizeof(map) || m->nr_fds > 1)
		return -EINVAL;
	return dma_table_add(&d->dma, &map, m->nr_fds ? m->fds[0] : -1,
			     device_has_fault(d, FAULT_OVERLAP_ACCEPTED));
}

int device_handle_dma_unmap(struct vfio_device *d, struct user_message *m,
			    struct device_reply *r)
{
	struct user_dma_unmap u;
	int rc = 0;

	memcpy(&u, m->payload, sizeof(u));
	if (u.argsz < sizeof(u))
		return -EINVAL;
	if (u.flags == USER_DMA_UNMAP_ALL && !u.address && !u.size)
		dma_table_clear(&d->dma);
	else if (u.flags)
		rc = -EINVAL;
	else if (device_has_fault(d, FAULT_DMA_AFTER_UNMAP))
		rc = dma_table_has(&d->dma, u.address, u.size) ? 0 : -ENOENT;
	else
		rc = dma_table_remove(&d->dma, u.address, u.size);
	u.argsz = sizeof(u);
	device_reply_put(r, &u, sizeof(u));
	return rc;
}

/* The bitmap of one range, in the form of migration v1. */
static int get_bitmap(struct vfio_device *d, struct user_message *m,
		      const struct user_dirty_pages *asked,
		      struct device_reply *r)
{
	struct user_dirty_pages head = *asked;
	struct user_bitmap_range range;
	struct mig_logging_report report;
	uint64_t bytes;
	int rc;

	if (m->payload_bytes != sizeof(head) + sizeof(range))
		return -EINVAL;
	memcpy(&range, (const uint8_t *)m->payload + sizeof(head),
	       sizeof(range));
	report = (struct mig_logging_report){ range.iova, range.size,
					      range.page_size, 0 };
	rc = dma_log_bitmap_bytes(&report, &bytes);
	if (rc)
		return rc;
	if (bytes > USER_DEFAULT_XFER_BYTES || bytes > range.bitmap_bytes)
		return -EINVAL;
	head.argsz = (uint32_t)(sizeof(head) + sizeof(range) + bytes);
	device_reply_put(r, &head, sizeof(head));
	device_reply_put(r, &range, sizeof(range));
	/* As far as the client has said that it takes. */
	if (asked->argsz < head.argsz)
		return 0;
	memset(r->data + r->bytes, 0, bytes);
	rc = dma_log_report(&d->log, &report,
			    (uint64_t *)(void *)(r->data + r->bytes),
			    device_has_fault(d, FAULT_DIRTY_NOT_CLEARED));
	r->bytes += bytes;
	return rc;
}

int device_handle_dirty_pages(struct vfio_device *d, struct user_message *m,
			      struct device_reply *r)
{
	struct user_dirty_pages p;
	int rc;

	memcpy(&p, m->payload, sizeof(p));
	if (d->params.protocol != DEVICE_PROTOCOL_V1)
		return -EOPNOTSUPP;
	if (p.argsz < sizeof(p))
		return -EINVAL;
	if (p.flags == VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP)
		return get_bitmap(d, m, &p, r);
	if (m->payload_bytes != sizeof(p))
		return -EINVAL;
	if (p.flags == VFIO_IOMMU_DIRTY_PAGES_FLAG_START) {
		rc = dma_log_start(&d->log, LOG_PAGE_BYTES, NULL, 0);
	} else if (p.flags == VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP) {
		dma_log_stop(&d->log);
		rc = 0;
	} else {
		rc = -EINVAL;
	}
	device_reply_put(r, &p, sizeof(p));
	return rc;
}
