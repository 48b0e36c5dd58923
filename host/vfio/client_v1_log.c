/* SPDX-License-Identifier: MIT */
/* The dirty pages of migration v1: the device's own bitmap, of vfio-user only.
 */
#include <errno.h>
#include <string.h>

#include "vfio/client_ops.h"

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

int client_v1_log_start(struct vfio_client *c, uint64_t page_size,
			const struct mig_logging_range *ranges, uint32_t nr)
{
	(void)page_size;
	(void)ranges;
	(void)nr;
	if (!c->logs)
		return -EOPNOTSUPP;
	return dirty_pages(c, VFIO_IOMMU_DIRTY_PAGES_FLAG_START, NULL, 0, 0);
}

int client_v1_log_stop(struct vfio_client *c)
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

int client_v1_log_report(struct vfio_client *c, uint64_t iova, uint64_t bytes,
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
