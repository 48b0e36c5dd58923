/* SPDX-License-Identifier: MIT */
/* DEVICE_FEATURE and the migration data. */
#include <errno.h>
#include <string.h>

#include "vfio/device_priv.h"
#include "vfio/device_server.h"
#include "vfio/device_states.h"

#define OPERATIONS                                                             \
	(VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET |                   \
	 VFIO_DEVICE_FEATURE_PROBE)

/* A request for one feature. */
struct request {
	struct user_feature head;
	const uint8_t *data; /* behind it, @bytes of it */
	size_t bytes;
};

static int get_migration(struct vfio_device *d, const struct request *q,
			 struct device_reply *r)
{
	const struct mig_feature_migration f = { d->flags };

	device_reply_put(r, &f, sizeof(f));
	return 0;
}

static int get_state(struct vfio_device *d, const struct request *q,
		     struct device_reply *r)
{
	struct mig_feature_state f = { d->state, -1 };

	if (d->state == MIG_STATE_STOP &&
	    device_has_fault(d, FAULT_WRONG_STATE))
		f.device_state = MIG_STATE_RUNNING;
	device_reply_put(r, &f, sizeof(f));
	return 0;
}

static int set_state(struct vfio_device *d, const struct request *q,
		     struct device_reply *r)
{
	struct mig_feature_state f;

	memcpy(&f, q->data, sizeof(f));
	return device_change_state(d, f.device_state);
}

static int start_logging(struct vfio_device *d, const struct request *q,
			 struct device_reply *r)
{
	struct mig_logging_range ranges[MIG_LOGGING_MAX_RANGES];
	struct mig_logging_control c = { .page_size = 0 };
	size_t behind = q->bytes - MIG_LOGGING_CONTROL_USER_BYTES;
	int rc;

	memcpy(&c, q->data, MIG_LOGGING_CONTROL_USER_BYTES);
	if (c.num_ranges > MIG_LOGGING_MAX_RANGES)
		return -E2BIG;
	if (c.reserved || behind != c.num_ranges * sizeof(ranges[0]))
		return -EINVAL;
	memcpy(ranges, q->data + MIG_LOGGING_CONTROL_USER_BYTES, behind);
	rc = dma_log_start(&d->log, c.page_size, ranges, c.num_ranges);
	if (rc)
		return rc;
	/* The request, with the page size that we have. */
	c.page_size = LOG_PAGE_BYTES;
	device_reply_put(r, &c, MIG_LOGGING_CONTROL_USER_BYTES);
	device_reply_put(r, ranges, behind);
	return 0;
}

static int stop_logging(struct vfio_device *d, const struct request *q,
			struct device_reply *r)
{
	dma_log_stop(&d->log);
	return 0;
}

static int report_logging(struct vfio_device *d, const struct request *q,
			  struct device_reply *r)
{
	struct mig_logging_report report = { 0 };
	struct user_feature *head = (void *)r->data;
	uint64_t bytes, need;
	int rc;

	memcpy(&report, q->data, MIG_LOGGING_REPORT_USER_BYTES);
	rc = dma_log_bitmap_bytes(&report, &bytes);
	if (rc)
		return rc;
	if (!d->log.active || bytes > USER_DEFAULT_XFER_BYTES)
		return -EINVAL;
	device_reply_put(r, &report, MIG_LOGGING_REPORT_USER_BYTES);
	need = r->bytes + bytes;
	head->argsz = (uint32_t)need;
	/* Too little room: the size, and nothing is forgotten. */
	if (q->head.argsz < need)
		return 0;
	memset(r->data + r->bytes, 0, bytes);
	rc = dma_log_report(&d->log, &report,
			    (uint64_t *)(void *)(r->data + r->bytes),
			    device_has_fault(d, FAULT_DIRTY_NOT_CLEARED));
	r->bytes += bytes;
	return rc;
}

static int get_data_size(struct vfio_device *d, const struct request *q,
			 struct device_reply *r)
{
	struct mig_feature_data_size f;

	device_tick(d);
	f.stop_copy_length = device_save_left(d);
	device_reply_put(r, &f, sizeof(f));
	return 0;
}

typedef int feature_handler(struct vfio_device *d, const struct request *q,
			    struct device_reply *r);

static const struct feature {
	feature_handler *get, *set;
	uint8_t get_bytes, set_bytes; /* of data in the request, at least */
	uint8_t reply_bytes; /* of a get, at least */
	bool more; /* there may be more of it */
} features[] = {
	[MIG_FEATURE_MIGRATION] = { get_migration, NULL, 0, 0, 8, false },
	[MIG_FEATURE_DEVICE_STATE] = { get_state, set_state, 0, 8, 8, false },
	[MIG_FEATURE_LOGGING_START] = { NULL, start_logging, 0, 16, 0, true },
	[MIG_FEATURE_LOGGING_STOP] = { NULL, stop_logging, 0, 0, 0, false },
	[MIG_FEATURE_LOGGING_REPORT] = { report_logging, NULL, 24, 0, 24,
					 false },
	[MIG_FEATURE_DATA_SIZE] = { get_data_size, NULL, 0, 0, 8, false },
};

#define NR_FEATURES (sizeof(features) / sizeof(features[0]))

static const struct feature *find(const struct vfio_device *d, uint32_t flags)
{
	uint32_t index = flags & VFIO_DEVICE_FEATURE_MASK;

	if (d->params.protocol == DEVICE_PROTOCOL_V1 || index >= NR_FEATURES ||
	    (!features[index].get && !features[index].set))
		return NULL;
	return &features[index];
}

/* Probes have no data, and their reply is the request. */
static int probe(const struct feature *f, const struct request *q)
{
	uint32_t flags = q->head.flags;

	if (((flags & VFIO_DEVICE_FEATURE_GET) && !f->get) ||
	    ((flags & VFIO_DEVICE_FEATURE_SET) && !f->set))
		return -EINVAL;
	return 0;
}

static int do_get(struct vfio_device *d, const struct feature *f,
		  const struct request *q, struct device_reply *r)
{
	struct user_feature *head = (void *)r->data;
	int rc;

	/* Deployed clients have room for the answer in the request. */
	if (!f->get || q->bytes < f->get_bytes ||
	    q->head.argsz < sizeof(*head) + f->reply_bytes)
		return -EINVAL;
	device_reply_put(r, &q->head, sizeof(q->head));
	head->argsz = 0;
	rc = f->get(d, q, r);
	if (!head->argsz)
		head->argsz = (uint32_t)r->bytes;
	return rc;
}

static int do_set(struct vfio_device *d, const struct feature *f,
		  const struct request *q, struct device_reply *r)
{
	int rc;

	if (!f->set || q->bytes < f->set_bytes ||
	    (q->bytes > f->set_bytes && !f->more))
		return -EINVAL;
	device_reply_put(r, &q->head, sizeof(q->head));
	rc = f->set(d, q, r);
	/* The reply is the request, unless the handler had another. */
	if (!rc && r->bytes == sizeof(q->head))
		device_reply_put(r, q->data, q->bytes);
	return rc;
}

int device_handle_feature(struct vfio_device *d, struct user_message *m,
			  struct device_reply *r)
{
	struct request q = { .data = m->payload };
	const struct feature *f;
	uint32_t op;
	int rc;

	memcpy(&q.head, m->payload, sizeof(q.head));
	q.data += sizeof(q.head);
	q.bytes = m->payload_bytes - sizeof(q.head);
	f = find(d, q.head.flags);
	op = q.head.flags & ~VFIO_DEVICE_FEATURE_MASK;
	if (q.head.argsz < sizeof(q.head) || (op & ~OPERATIONS) || !op)
		return -EINVAL;
	if (!f && !device_has_fault(d, FAULT_UNKNOWN_ACCEPTED))
		return -ENOTTY;
	if (!f || (op & VFIO_DEVICE_FEATURE_PROBE)) {
		rc = f ? probe(f, &q) : 0;
		device_reply_put(r, m->payload, m->payload_bytes);
		return rc;
	}
	if (op == VFIO_DEVICE_FEATURE_GET)
		return do_get(d, f, &q, r);
	if (op == VFIO_DEVICE_FEATURE_SET)
		return do_set(d, f, &q, r);
	return -EINVAL;
}

int device_handle_mig_data_read(struct vfio_device *d, struct user_message *m,
				struct device_reply *r)
{
	bool stale = device_has_fault(d, FAULT_STALE_DATA_FD);
	struct user_mig_data a;
	uint8_t *data;
	size_t n;

	memcpy(&a, m->payload, sizeof(a));
	if (a.argsz < sizeof(a) || a.size > USER_DEFAULT_XFER_BYTES ||
	    d->params.protocol == DEVICE_PROTOCOL_V1)
		return -EINVAL;
	if (!d->save.active && !stale)
		return -EINVAL;
	data = r->data + sizeof(a);
	device_tick(d);
	if (d->save.active) {
		n = device_save_read(d, data, a.size);
	} else {
		n = a.size;
		memset(data, 0, n);
	}
	a.size = (uint32_t)n;
	a.argsz = (uint32_t)(sizeof(a) + n);
	device_reply_put(r, &a, sizeof(a));
	r->bytes += n;
	return 0;
}

int device_handle_mig_data_write(struct vfio_device *d, struct user_message *m,
				 struct device_reply *r)
{
	const uint8_t *data = (const uint8_t *)m->payload;
	struct user_mig_data a;

	memcpy(&a, data, sizeof(a));
	if (a.size > USER_DEFAULT_XFER_BYTES ||
	    m->payload_bytes != sizeof(a) + a.size ||
	    d->params.protocol == DEVICE_PROTOCOL_V1)
		return -EINVAL;
	if (d->load.active)
		return device_load_write(d, data + sizeof(a), a.size);
	return device_has_fault(d, FAULT_STALE_DATA_FD) ? 0 : -EINVAL;
}
