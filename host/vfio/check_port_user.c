/* SPDX-License-Identifier: MIT */
/* A device on a vfio-user socket, with migration v2. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/clock.h"
#include "vfio/check_priv.h"

/* Messages of DMA go to the memory that was mapped. */
static int on_dma(void *ctx, struct user_wire *w, struct user_message *m)
{
	struct check_run *r = ctx;
	const struct user_dma_access *a = m->payload;
	struct user_payload p = { .nr_iov = 1 };
	bool write = m->header.command == USER_DMA_WRITE;
	struct iovec iov[2];
	uint8_t *at;

	if ((!write && m->header.command != USER_DMA_READ) ||
	    m->payload_bytes < sizeof(*a) ||
	    (write && m->payload_bytes - sizeof(*a) != a->count))
		return user_wire_refuse(w, &m->header, EINVAL);
	if (!r->memory.hva || a->address - ENGINE_BASE >= ENGINE_BYTES ||
	    a->count > ENGINE_BYTES - (a->address - ENGINE_BASE))
		return user_wire_refuse(w, &m->header, EFAULT);
	at = r->memory.hva + (a->address - ENGINE_BASE);
	iov[0] = (struct iovec){ (void *)a, sizeof(*a) };
	iov[1] = (struct iovec){ at, a->count };
	p.iov = iov;
	if (write) {
		r->dma_writes++;
		memcpy(at, a + 1, a->count);
		iov[0].iov_len = USER_DMA_WRITE_REPLY_BYTES;
	} else {
		r->dma_reads++;
		p.nr_iov = 2;
	}
	return user_wire_reply(w, &m->header, &p);
}

static int lost(struct check_run *r, int rc, uint16_t command)
{
	if (r->broken[0])
		return -ENOTCONN;
	if (rc == -ETIMEDOUT)
		snprintf(r->broken, sizeof(r->broken),
			 "no answer to command %u within the time", command);
	else if (rc == -EPROTO)
		snprintf(r->broken, sizeof(r->broken),
			 "the answer to command %u breaks the protocol",
			 command);
	else
		snprintf(r->broken, sizeof(r->broken),
			 "the server hung up at command %u (%s)", command,
			 strerror(-rc));
	return -ENOTCONN;
}

int check_user_call(struct check_run *r, uint16_t command, const void *head,
		    size_t head_bytes, const void *data, size_t bytes,
		    const int *fds, unsigned int nr_fds)
{
	const struct iovec iov[2] = { { (void *)head, head_bytes },
				      { (void *)data, bytes } };
	const struct user_payload p = { iov, 2, fds, nr_fds };
	int rc;

	user_message_close(&r->reply);
	r->reply.nr_fds = 0;
	if (!r->wire_open || r->broken[0])
		return -ENOTCONN;
	rc = user_wire_call(&r->wire, command, &p, &r->reply,
			    check_time_left_ms(r));
	if (rc)
		return lost(r, rc, command);
	return user_message_error(&r->reply);
}

static int call(struct check_run *r, uint16_t command, const void *payload,
		size_t bytes)
{
	return check_user_call(r, command, payload, bytes, NULL, 0, NULL, 0);
}

/* A reply that is too short for what it says. */
static int malformed(struct check_run *r, const char *what)
{
	check_fail(r, "%s: a reply of %zu bytes", what, r->reply.payload_bytes);
	return -EPROTO;
}

static void user_close(struct check_run *r)
{
	user_message_close(&r->reply);
	r->reply.nr_fds = 0;
	if (r->wire_open)
		user_wire_exit(&r->wire);
	r->wire_open = false;
}

static int greet(struct check_run *r)
{
	struct user_caps caps;
	struct user_version version;
	size_t bytes;
	void *data;
	int rc;

	user_caps_default(&caps);
	caps.named = USER_CAP_MSG_FDS | USER_CAP_XFER | USER_CAP_PGSIZE_FIELD |
		     USER_CAP_WRITE_MULTI;
	caps.write_multi = true;
	caps.max_msg_fds = USER_MAX_FDS;
	rc = user_version_build(USER_MAJOR, USER_MINOR, &caps, &data, &bytes);
	if (rc)
		return rc;
	rc = call(r, USER_VERSION, data, bytes);
	free(data);
	if (rc)
		return rc;
	return user_version_parse(r->reply.payload, r->reply.payload_bytes,
				  &version, &r->peer);
}

static int user_open(struct check_run *r)
{
	char address[4096];
	int fd, rc;

	snprintf(address, sizeof(address), "unix:%s", r->params->target);
	rc = address_dial(address, -1, (unsigned int)check_time_left_ms(r), &fd,
			  NULL);
	if (rc)
		return rc;
	memset(&r->wire, 0, sizeof(r->wire));
	rc = user_wire_init(&r->wire, fd);
	if (rc)
		return rc;
	r->wire.send_timeout_ms = (unsigned int)r->params->timeout_ms;
	r->wire.on_command = on_dma;
	r->wire.ctx = r;
	r->wire_open = true;
	r->v1_left = 0;
	rc = greet(r);
	if (rc)
		user_close(r);
	return rc;
}

/* @room: of the feature's data in the reply. */
static int feature(struct check_run *r, uint32_t flags, const void *data,
		   size_t bytes, size_t room)
{
	const struct user_feature f = { (uint32_t)(sizeof(f) + room), flags };

	return check_user_call(r, USER_FEATURE, &f, sizeof(f), data, bytes,
			       NULL, 0);
}

/* The data behind a reply to a feature's GET. */
static int get_feature(struct check_run *r, uint32_t index, void *ret,
		       size_t bytes)
{
	const struct user_feature *f;
	int rc = feature(r, VFIO_DEVICE_FEATURE_GET | index, NULL, 0, bytes);

	if (rc)
		return rc;
	f = r->reply.payload;
	if (r->reply.payload_bytes < sizeof(*f) + bytes)
		return malformed(r, "DEVICE_FEATURE, get");
	memcpy(ret, f + 1, bytes);
	return 0;
}

static int user_get_state(struct check_run *r, uint32_t *ret)
{
	struct mig_feature_state f;
	int rc = get_feature(r, MIG_FEATURE_DEVICE_STATE, &f, sizeof(f));

	if (!rc)
		*ret = f.device_state;
	return rc;
}

static int user_set_state(struct check_run *r, uint32_t state)
{
	const struct mig_feature_state f = { state, -1 };

	return feature(r, VFIO_DEVICE_FEATURE_SET | MIG_FEATURE_DEVICE_STATE,
		       &f, sizeof(f), sizeof(f));
}

static int user_data_read(struct check_run *r, void *data, size_t bytes,
			  size_t *ret_bytes, bool *ret_end)
{
	struct user_mig_data a = { (uint32_t)(sizeof(a) + bytes),
				   (uint32_t)bytes };
	int rc = call(r, USER_MIG_DATA_READ, &a, sizeof(a));

	if (rc)
		return rc;
	if (r->reply.payload_bytes < sizeof(a))
		return malformed(r, "MIG_DATA_READ");
	memcpy(&a, r->reply.payload, sizeof(a));
	if (a.size > bytes || r->reply.payload_bytes - sizeof(a) < a.size)
		return malformed(r, "MIG_DATA_READ");
	memcpy(data, (const uint8_t *)r->reply.payload + sizeof(a), a.size);
	*ret_bytes = a.size;
	*ret_end = a.size < bytes;
	return 0;
}

static int user_data_write(struct check_run *r, const void *data, size_t bytes)
{
	const struct user_mig_data a = { (uint32_t)(sizeof(a) + bytes),
					 (uint32_t)bytes };

	return check_user_call(r, USER_MIG_DATA_WRITE, &a, sizeof(a), data,
			       bytes, NULL, 0);
}

static int user_reset(struct check_run *r)
{
	return call(r, USER_RESET, NULL, 0);
}

static int user_region_read(struct check_run *r, uint32_t region,
			    uint64_t offset, void *data, uint32_t bytes)
{
	const struct user_region_access a = { offset, region, bytes };
	int rc = call(r, USER_REGION_READ, &a, sizeof(a));

	if (rc)
		return rc;
	if (r->reply.payload_bytes < sizeof(a) + bytes)
		return malformed(r, "REGION_READ");
	memcpy(data, (const uint8_t *)r->reply.payload + sizeof(a), bytes);
	return 0;
}

static int user_region_write(struct check_run *r, uint32_t region,
			     uint64_t offset, const void *data, uint32_t bytes)
{
	const struct user_region_access a = { offset, region, bytes };

	return check_user_call(r, USER_REGION_WRITE, &a, sizeof(a), data, bytes,
			       NULL, 0);
}

static int user_map(struct check_run *r, uint64_t address, uint64_t bytes,
		    uint32_t flags, int fd, void *hva)
{
	const struct user_dma_map map = { sizeof(map), flags, 0, address,
					  bytes };

	return check_user_call(r, USER_DMA_MAP, &map, sizeof(map), NULL, 0, &fd,
			       fd >= 0);
}

static int user_unmap(struct check_run *r, uint64_t address, uint64_t bytes)
{
	const struct user_dma_unmap u = { sizeof(u), 0, address, bytes };

	return call(r, USER_DMA_UNMAP, &u, sizeof(u));
}

static int user_probe(struct check_run *r, uint32_t flags)
{
	return feature(r, flags | VFIO_DEVICE_FEATURE_PROBE, NULL, 0, 0);
}

static int user_flags(struct check_run *r, uint64_t *ret)
{
	struct mig_feature_migration f;
	int rc = get_feature(r, MIG_FEATURE_MIGRATION, &f, sizeof(f));

	if (!rc)
		*ret = f.flags;
	return rc;
}

static int user_data_size(struct check_run *r, uint64_t *ret)
{
	struct mig_feature_data_size f;
	int rc = get_feature(r, MIG_FEATURE_DATA_SIZE, &f, sizeof(f));

	if (!rc)
		*ret = f.stop_copy_length;
	return rc;
}

static int user_log_start(struct check_run *r, uint64_t page_size,
			  const struct mig_logging_range *ranges, uint32_t nr)
{
	const struct mig_logging_control c = { .page_size = page_size,
					       .num_ranges = nr };
	struct check_blob b = { NULL, 0, 0 };
	int rc = check_blob_add(&b, &c, MIG_LOGGING_CONTROL_USER_BYTES);

	if (!rc)
		rc = check_blob_add(&b, ranges, nr * sizeof(*ranges));
	if (!rc)
		rc = feature(
			r, VFIO_DEVICE_FEATURE_SET | MIG_FEATURE_LOGGING_START,
			b.data, b.bytes, b.bytes);
	check_blob_free(&b);
	return rc;
}

static int user_log_stop(struct check_run *r)
{
	return feature(r, VFIO_DEVICE_FEATURE_SET | MIG_FEATURE_LOGGING_STOP,
		       NULL, 0, 0);
}

static int user_log_report(struct check_run *r, uint64_t iova, uint64_t length,
			   uint64_t page_size, uint64_t *map)
{
	const struct mig_logging_report report = { iova, length, page_size, 0 };
	size_t head =
		sizeof(struct user_feature) + MIG_LOGGING_REPORT_USER_BYTES;
	uint64_t bits = page_size ? (length + page_size - 1) / page_size : 0;
	size_t bytes = (size_t)(bits + 63) / 64 * 8;
	int rc =
		feature(r, VFIO_DEVICE_FEATURE_GET | MIG_FEATURE_LOGGING_REPORT,
			&report, MIG_LOGGING_REPORT_USER_BYTES,
			MIG_LOGGING_REPORT_USER_BYTES + bytes);

	if (rc)
		return rc;
	if (r->reply.payload_bytes < head + bytes)
		return malformed(r, "DMA_LOGGING_REPORT");
	memcpy(map, (const uint8_t *)r->reply.payload + head, bytes);
	return 0;
}

const struct check_port check_port_user = {
	.open = user_open,
	.close = user_close,
	.get_state = user_get_state,
	.set_state = user_set_state,
	.data_read = user_data_read,
	.data_write = user_data_write,
	.reset = user_reset,
	.region_read = user_region_read,
	.region_write = user_region_write,
	.map = user_map,
	.unmap = user_unmap,
	.feature_probe = user_probe,
	.flags = user_flags,
	.data_size = user_data_size,
	.log_start = user_log_start,
	.log_stop = user_log_stop,
	.log_report = user_log_report,
};
