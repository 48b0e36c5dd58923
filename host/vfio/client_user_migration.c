/* SPDX-License-Identifier: MIT */
/* Migration v2 and dirty logging over vfio-user. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/client_ops.h"

/* @room: of the feature's data in the answer. */
static int feature(struct vfio_client *c, uint32_t flags, const void *data,
		   size_t bytes, size_t room)
{
	const struct user_feature f = { (uint32_t)(sizeof(f) + room), flags };

	return client_user_call(c, USER_FEATURE, &f, sizeof(f), data, bytes,
				NULL, 0);
}

static int get(struct vfio_client *c, uint32_t index, void *ret, size_t bytes)
{
	int rc = feature(c, VFIO_DEVICE_FEATURE_GET | index, NULL, 0, bytes);

	if (rc)
		return rc;
	if (c->reply.payload_bytes < sizeof(struct user_feature) + bytes)
		return client_user_nonsense(c, "DEVICE_FEATURE");
	memcpy(ret,
	       (const uint8_t *)c->reply.payload + sizeof(struct user_feature),
	       bytes);
	return 0;
}

static int get_state(struct vfio_client *c, uint32_t *ret)
{
	struct mig_feature_state f = { 0, -1 };
	int rc = get(c, MIG_FEATURE_DEVICE_STATE, &f, sizeof(f));

	if (!rc)
		*ret = f.device_state;
	return rc;
}

static int set_state(struct vfio_client *c, uint32_t state)
{
	const struct mig_feature_state f = { state, -1 };

	return feature(c, VFIO_DEVICE_FEATURE_SET | MIG_FEATURE_DEVICE_STATE,
		       &f, sizeof(f), sizeof(f));
}

static int data_size(struct vfio_client *c, uint64_t *ret)
{
	struct mig_feature_data_size f = { 0 };
	int rc = get(c, MIG_FEATURE_DATA_SIZE, &f, sizeof(f));

	if (!rc)
		*ret = f.stop_copy_length;
	return rc == -ENOTTY || rc == -EINVAL ? -EOPNOTSUPP : rc;
}

static int data_ask(struct vfio_client *c, size_t bytes)
{
	const struct user_mig_data a = { (uint32_t)(sizeof(a) + bytes),
					 (uint32_t)bytes };

	return client_user_begin(c, USER_MIG_DATA_READ, &a, sizeof(a), NULL, 0,
				 NULL, 0);
}

/* In the field the answer is as long as asked for, whatever is valid in it. */
static int data_take(struct vfio_client *c, const void **ret_data,
		     size_t *ret_bytes, bool *ret_end)
{
	struct user_mig_data a;
	int rc = client_user_end(c, USER_MIG_DATA_READ);

	if (rc)
		return rc;
	if (c->reply.payload_bytes < sizeof(a))
		return client_user_nonsense(c, "MIG_DATA_READ");
	memcpy(&a, c->reply.payload, sizeof(a));
	if (a.size > c->asked || c->reply.payload_bytes - sizeof(a) < a.size)
		return client_user_nonsense(c, "MIG_DATA_READ");
	*ret_data = (const uint8_t *)c->reply.payload + sizeof(a);
	*ret_bytes = a.size;
	*ret_end = a.size < c->asked;
	return 0;
}

static int data_give(struct vfio_client *c, const void *data, size_t bytes)
{
	const struct user_mig_data a = { (uint32_t)(sizeof(a) + bytes),
					 (uint32_t)bytes };

	return client_user_begin(c, USER_MIG_DATA_WRITE, &a, sizeof(a), data,
				 bytes, NULL, 0);
}

static int data_settle(struct vfio_client *c)
{
	return client_user_end(c, USER_MIG_DATA_WRITE);
}

static int log_start(struct vfio_client *c, uint64_t page_size,
		     const struct mig_logging_range *ranges, uint32_t nr)
{
	const struct mig_logging_control control = { .page_size = page_size,
						     .num_ranges = nr };
	size_t head = MIG_LOGGING_CONTROL_USER_BYTES;
	size_t bytes = head + nr * sizeof(*ranges);
	uint8_t *data;
	int rc;

	if (nr > MIG_LOGGING_MAX_RANGES)
		return -E2BIG;
	data = malloc(bytes);
	if (!data)
		return -ENOMEM;
	memcpy(data, &control, head);
	if (nr)
		memcpy(data + head, ranges, nr * sizeof(*ranges));
	rc = feature(c, VFIO_DEVICE_FEATURE_SET | MIG_FEATURE_LOGGING_START,
		     data, bytes, bytes);
	free(data);
	return rc;
}

static int log_stop(struct vfio_client *c)
{
	return feature(c, VFIO_DEVICE_FEATURE_SET | MIG_FEATURE_LOGGING_STOP,
		       NULL, 0, 0);
}

/* Words that fit into one answer. */
static uint64_t words_a_message(const struct vfio_client *c)
{
	return c->room / 2 / sizeof(uint64_t);
}

static int report(struct vfio_client *c, uint64_t iova, uint64_t bytes,
		  uint64_t page_size, uint64_t *map)
{
	const struct mig_logging_report r = { iova, bytes, page_size, 0 };
	size_t head =
		sizeof(struct user_feature) + MIG_LOGGING_REPORT_USER_BYTES;
	size_t words = (bytes / page_size + 63) / 64, i;
	const uint8_t *from;
	int rc =
		feature(c, VFIO_DEVICE_FEATURE_GET | MIG_FEATURE_LOGGING_REPORT,
			&r, MIG_LOGGING_REPORT_USER_BYTES,
			MIG_LOGGING_REPORT_USER_BYTES + words * 8);

	if (rc)
		return rc;
	if (c->reply.payload_bytes < head + words * 8)
		return client_user_nonsense(c, "DMA_LOGGING_REPORT");
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
	uint64_t most = words_a_message(c) * 64 * page_size;
	int rc = 0;

	if (!page_size || bytes % page_size)
		return -EINVAL;
	while (!rc && bytes) {
		uint64_t piece = bytes < most ? bytes : most;

		rc = report(c, iova, piece, page_size, map);
		iova += piece;
		bytes -= piece;
		map += words_a_message(c);
	}
	return rc;
}

static const struct client_migration_ops user_migration = {
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

static bool can(struct vfio_client *c, uint32_t flags)
{
	return !feature(c, flags | VFIO_DEVICE_FEATURE_PROBE, NULL, 0, 0);
}

int client_user_probe(struct vfio_client *c)
{
	struct mig_feature_migration f = { 0 };
	int rc = get(c, MIG_FEATURE_MIGRATION, &f, sizeof(f));

	if (c->lost)
		return rc;
	if (rc || !(f.flags & MIG_FLAG_STOP_COPY))
		return 0;
	c->flags = f.flags &
		   (MIG_FLAG_STOP_COPY | MIG_FLAG_P2P | MIG_FLAG_PRE_COPY);
	c->mig = &user_migration;
	c->logs = can(c, VFIO_DEVICE_FEATURE_SET | MIG_FEATURE_LOGGING_START) &&
		  can(c, VFIO_DEVICE_FEATURE_GET | MIG_FEATURE_LOGGING_REPORT);
	return c->lost ? -ENOTCONN : 0;
}
