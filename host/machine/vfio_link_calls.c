/* SPDX-License-Identifier: MIT */
/* The commands of vfio-user that the machine gives. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bitmap.h"
#include "machine/vfio_link_impl.h"

/* What is read of a region's description: one that is longer is none. */
#define INFO_BYTES 4096u
/* Deployed servers take no more fds, and no more data, at a time than this. */
#define XFER_BYTES USER_FIELD_XFER_BYTES
#define PAGE_BYTES 4096u
/* So much memory has a bitmap of XFER_BYTES. */
#define REPORT_BYTES ((uint64_t)XFER_BYTES / 2 * 8 * PAGE_BYTES)

/* ---- regions ------------------------------------------------------------ */

static void take_sparse(const uint8_t *info, uint32_t at, size_t bytes,
			struct vfio_link_region *r)
{
	struct vfio_region_info_cap_sparse_mmap cap;
	uint32_t i;

	if (bytes - at < sizeof(cap))
		return;
	memcpy(&cap, info + at, sizeof(cap));
	r->nr_areas = 0;
	at += (uint32_t)sizeof(cap);
	for (i = 0; i < cap.nr_areas && r->nr_areas < VFIO_LINK_MAX_AREAS;
	     i++, at += (uint32_t)sizeof(r->area[0])) {
		if (bytes - at < sizeof(r->area[0]))
			return;
		memcpy(&r->area[r->nr_areas++], info + at, sizeof(r->area[0]));
	}
}

/* The list only goes forward: it ends. */
static void take_caps(const uint8_t *info, size_t bytes, uint32_t at,
		      struct vfio_link_region *r)
{
	struct vfio_info_cap_header cap;
	uint32_t before = 0;

	while (at > before && at <= bytes - sizeof(cap)) {
		memcpy(&cap, info + at, sizeof(cap));
		if (cap.id == VFIO_REGION_INFO_CAP_SPARSE_MMAP)
			take_sparse(info, at, bytes, r);
		before = at;
		at = cap.next;
	}
}

int vfio_link_region(struct vfio_link *l, uint32_t index,
		     struct vfio_link_region *ret_region)
{
	const struct vfio_region_info asked = { .argsz = INFO_BYTES,
						.index = index };
	struct vfio_region_info got;
	uint8_t info[INFO_BYTES];
	struct link_call c = {
		.command = USER_GET_REGION_INFO,
		.head = &asked,
		.head_bytes = sizeof(asked),
		.reply = info,
		.reply_bytes = sizeof(info),
		.least_bytes = sizeof(got),
	};
	int rc = link_call(l, &c);

	if (rc)
		return rc;
	memcpy(&got, info, sizeof(got));
	*ret_region = (struct vfio_link_region){
		.bytes = got.size,
		.flags = got.flags,
		.fd = c.fd,
		.fd_offset = got.offset,
	};
	if (!(got.flags & VFIO_REGION_INFO_FLAG_MMAP) || c.fd < 0)
		return 0;
	ret_region->nr_areas = 1;
	ret_region->area[0] =
		(struct vfio_region_sparse_mmap_area){ 0, got.size };
	if (got.flags & VFIO_REGION_INFO_FLAG_CAPS)
		take_caps(info,
			  c.got_bytes < sizeof(info) ? c.got_bytes
						     : sizeof(info),
			  got.cap_offset, ret_region);
	return 0;
}

int vfio_link_read(struct vfio_link *l, uint32_t region, uint64_t offset,
		   void *data, size_t bytes)
{
	const struct user_region_access a = { offset, region, (uint32_t)bytes };
	uint8_t reply[sizeof(a) + 256];
	struct link_call c = {
		.command = USER_REGION_READ,
		.head = &a,
		.head_bytes = sizeof(a),
		.reply = reply,
		.reply_bytes = sizeof(reply),
		.least_bytes = sizeof(a) + bytes,
	};
	int rc = bytes > 256 ? -EINVAL : link_call(l, &c);

	if (!rc)
		memcpy(data, reply + sizeof(a), bytes);
	return rc;
}

int vfio_link_write(struct vfio_link *l, uint32_t region, uint64_t offset,
		    const void *data, size_t bytes)
{
	const struct user_region_access a = { offset, region, (uint32_t)bytes };
	struct link_call c = {
		.command = USER_REGION_WRITE,
		.head = &a,
		.head_bytes = sizeof(a),
		.data = data,
		.data_bytes = bytes,
	};

	return link_call(l, &c);
}

/* ---- interrupts, memory, reset ------------------------------------------ */

int vfio_link_nr_irqs(struct vfio_link *l, uint32_t index, uint32_t *ret_nr)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };
	struct link_call c = {
		.command = USER_GET_IRQ_INFO,
		.head = &info,
		.head_bytes = sizeof(info),
		.reply = &info,
		.reply_bytes = sizeof(info),
		.least_bytes = sizeof(info),
	};
	int rc = link_call(l, &c);

	if (!rc)
		*ret_nr = info.count;
	return rc;
}

int vfio_link_set_eventfds(struct vfio_link *l, uint32_t index, const int *fds,
			   unsigned int nr)
{
	unsigned int most = (unsigned int)l->peer.max_msg_fds, done = 0, n;
	int rc = 0;

	most = most > USER_MAX_FDS ? USER_MAX_FDS : most ? most : 1;
	for (; !rc && done < nr; done += n) {
		struct user_irq_set set = {
			.argsz = sizeof(set),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD |
				 VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = index,
			.start = done,
		};
		struct link_call c = {
			.command = USER_SET_IRQS,
			.head = &set,
			.head_bytes = sizeof(set),
			.fds = fds + done,
		};

		n = nr - done < most ? nr - done : most;
		set.count = c.nr_fds = n;
		rc = link_call(l, &c);
	}
	return rc;
}

int vfio_link_map(struct vfio_link *l, uint64_t gpa, uint64_t bytes, int fd,
		  uint64_t fd_offset)
{
	const struct user_dma_map map = {
		.argsz = sizeof(map),
		.flags = USER_DMA_READABLE | USER_DMA_WRITEABLE,
		.offset = fd_offset,
		.address = gpa,
		.size = bytes,
	};
	struct link_call c = {
		.command = USER_DMA_MAP,
		.head = &map,
		.head_bytes = sizeof(map),
		.fds = &fd,
		.nr_fds = fd >= 0,
	};

	return link_call(l, &c);
}

int vfio_link_reset(struct vfio_link *l)
{
	struct link_call c = { .command = USER_RESET };

	return link_call(l, &c);
}

/* ---- features ----------------------------------------------------------- */

/* @flags: VFIO_DEVICE_FEATURE_GET or _SET, and the feature. What there is to
 * get lies behind the reply's head. */
static int feature(struct vfio_link *l, uint32_t flags, const void *data,
		   size_t bytes, void *reply, size_t reply_bytes)
{
	const struct user_feature head = {
		.argsz =
			(uint32_t)(sizeof(head) +
				   (bytes > reply_bytes ? bytes : reply_bytes)),
		.flags = flags,
	};
	uint8_t small[sizeof(head) + 64];
	uint8_t *all =
		reply_bytes <= 64 ? small : malloc(sizeof(head) + reply_bytes);
	struct link_call c = {
		.command = USER_FEATURE,
		.head = &head,
		.head_bytes = sizeof(head),
		.data = data,
		.data_bytes = bytes,
		.reply = all,
		.reply_bytes = sizeof(head) + reply_bytes,
		.least_bytes = reply_bytes ? sizeof(head) + reply_bytes : 0,
	};
	int rc = all ? link_call(l, &c) : -ENOMEM;

	if (!rc && reply_bytes)
		memcpy(reply, all + sizeof(head), reply_bytes);
	if (all != small)
		free(all);
	return rc;
}

#define GET(index) (VFIO_DEVICE_FEATURE_GET | (index))
#define SET(index) (VFIO_DEVICE_FEATURE_SET | (index))

int vfio_link_flags(struct vfio_link *l, uint64_t *ret_flags)
{
	struct mig_feature_migration f;
	int rc = feature(l, GET(MIG_FEATURE_MIGRATION), NULL, 0, &f, sizeof(f));

	if (!rc)
		*ret_flags = f.flags;
	/* In the field a feature that is not there is EINVAL. */
	return rc == -EINVAL || rc == -EOPNOTSUPP ? -ENOTTY : rc;
}

int vfio_link_get_state(struct vfio_link *l, enum mig_state *ret_state)
{
	struct mig_feature_state f;
	int rc = feature(l, GET(MIG_FEATURE_DEVICE_STATE), NULL, 0, &f,
			 sizeof(f));

	if (!rc && f.device_state >= MIG_NR_STATES)
		rc = -EPROTO;
	if (!rc)
		*ret_state = (enum mig_state)f.device_state;
	return rc;
}

int vfio_link_set_state(struct vfio_link *l, enum mig_state state)
{
	const struct mig_feature_state f = { state, -1 };

	return feature(l, SET(MIG_FEATURE_DEVICE_STATE), &f, sizeof(f), NULL,
		       0);
}

int vfio_link_data_size(struct vfio_link *l, uint64_t *ret_bytes)
{
	struct mig_feature_data_size f;
	int rc = feature(l, GET(MIG_FEATURE_DATA_SIZE), NULL, 0, &f, sizeof(f));

	if (!rc)
		*ret_bytes = f.stop_copy_length;
	return rc;
}

int vfio_link_log_start(struct vfio_link *l,
			const struct mig_logging_range *ranges, unsigned int nr)
{
	struct {
		uint8_t control[MIG_LOGGING_CONTROL_USER_BYTES];
		struct mig_logging_range range[MIG_LOGGING_MAX_RANGES];
	} f;
	const struct mig_logging_control control = { .page_size = PAGE_BYTES,
						     .num_ranges = nr };

	if (nr > MIG_LOGGING_MAX_RANGES)
		return -E2BIG;
	memcpy(f.control, &control, sizeof(f.control));
	memcpy(f.range, ranges, nr * sizeof(*ranges));
	return feature(l, SET(MIG_FEATURE_LOGGING_START), &f,
		       sizeof(f.control) + nr * sizeof(*ranges), NULL, 0);
}

int vfio_link_log_stop(struct vfio_link *l)
{
	return feature(l, SET(MIG_FEATURE_LOGGING_STOP), NULL, 0, NULL, 0);
}

static int report(struct vfio_link *l, uint64_t gpa, uint64_t bytes,
		  uint64_t first, uint64_t *bitmap, uint8_t *reply)
{
	const struct mig_logging_report asked = { gpa, bytes, PAGE_BYTES, 0 };
	uint64_t pages = bytes / PAGE_BYTES, i, word;
	size_t map_bytes = BITMAP_BYTES(pages);
	int rc = feature(l, GET(MIG_FEATURE_LOGGING_REPORT), &asked,
			 MIG_LOGGING_REPORT_USER_BYTES, reply,
			 MIG_LOGGING_REPORT_USER_BYTES + map_bytes);

	for (i = 0; !rc && i < map_bytes / sizeof(word); i++) {
		memcpy(&word,
		       reply + MIG_LOGGING_REPORT_USER_BYTES + i * sizeof(word),
		       sizeof(word));
		/* What is said of pages behind the end is nothing. */
		if (pages - i * 64 < 64)
			word &= (1ull << (pages - i * 64)) - 1;
		bitmap[first / 64 + i] |= word;
	}
	return rc;
}

int vfio_link_log_report(struct vfio_link *l, uint64_t gpa, uint64_t bytes,
			 uint64_t *bitmap)
{
	uint8_t *reply = malloc(2 * XFER_BYTES);
	uint64_t at = 0, n;
	int rc = reply ? 0 : -ENOMEM;

	for (; !rc && at < bytes; at += n) {
		n = bytes - at < REPORT_BYTES ? bytes - at : REPORT_BYTES;
		rc = report(l, gpa + at, n, at / PAGE_BYTES, bitmap, reply);
	}
	free(reply);
	return rc;
}

/* ---- the state ---------------------------------------------------------- */

static ssize_t read_piece(struct vfio_link *l, void *data, uint32_t asked,
			  uint8_t *reply)
{
	struct user_mig_data a = { sizeof(a) + asked, asked };
	struct link_call c = {
		.command = USER_MIG_DATA_READ,
		.head = &a,
		.head_bytes = sizeof(a),
		.reply = reply,
		.reply_bytes = sizeof(a) + asked,
		.least_bytes = sizeof(a),
	};
	int rc = link_call(l, &c);

	if (rc)
		return rc;
	memcpy(&a, reply, sizeof(a));
	if (a.size > asked || a.size > c.got_bytes - sizeof(a))
		return -EPROTO;
	memcpy(data, reply + sizeof(a), a.size);
	return (ssize_t)a.size;
}

ssize_t vfio_link_data_read(struct vfio_link *l, void *data, size_t bytes)
{
	uint8_t *to = data, *reply;
	size_t done = 0;
	ssize_t got = 0;

	reply = malloc(sizeof(struct user_mig_data) + XFER_BYTES);
	if (!reply)
		return -ENOMEM;
	while (done < bytes) {
		size_t n =
			bytes - done < XFER_BYTES ? bytes - done : XFER_BYTES;

		got = read_piece(l, to + done, (uint32_t)n, reply);
		done += got > 0 ? (size_t)got : 0;
		if (got < (ssize_t)n)
			break;
	}
	free(reply);
	return got < 0 ? got : (ssize_t)done;
}

int vfio_link_data_write(struct vfio_link *l, const void *data, size_t bytes)
{
	const uint8_t *from = data;
	int rc = 0;

	while (!rc && bytes) {
		uint32_t n = bytes < XFER_BYTES ? (uint32_t)bytes : XFER_BYTES;
		const struct user_mig_data a = { sizeof(a) + n, n };
		struct link_call c = {
			.command = USER_MIG_DATA_WRITE,
			.head = &a,
			.head_bytes = sizeof(a),
			.data = from,
			.data_bytes = n,
		};

		rc = link_call(l, &c);
		from += n;
		bytes -= n;
	}
	return rc;
}
