/* SPDX-License-Identifier: MIT */
/* The client's own part: one call at a time, and what went wrong. */
#include "vfio/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/client_ops.h"

static int open_migration(struct vfio_client *c, struct error *err)
{
	enum vfio_protocol p = c->params.protocol;
	int rc = 0;

	if (c->mig && p != VFIO_PROTOCOL_V1)
		return 0;
	c->mig = NULL;
	c->flags = 0;
	c->logs = false;
	if (p != VFIO_PROTOCOL_V2)
		rc = client_v1_open(c);
	if (c->lost)
		return error_set(err, -ENOTCONN, "%s", c->why.text);
	if (p == VFIO_PROTOCOL_ANY || !rc)
		return 0;
	return error_set(err, -EOPNOTSUPP,
			 "%s has no migration %s; --protocol any takes what "
			 "there is",
			 c->params.target,
			 p == VFIO_PROTOCOL_V1 ? "v1 (no such region)" : "v2");
}

int vfio_client_open(const struct vfio_client_params *params,
		     struct vfio_client **ret, struct error *err)
{
	struct vfio_client *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return error_set(err, -ENOMEM, "no memory");
	c->params = *params;
	c->container_fd = c->group_fd = c->device_fd = c->data_fd = -1;
	c->wire.fd = -1;
	pthread_mutex_init(&c->lock, NULL);
	if (!strncmp(params->target, "/dev/vfio/", 10))
		rc = client_kernel_open(c, err);
	else
		rc = client_user_open(c, err);
	if (!rc)
		rc = open_migration(c, err);
	if (!rc && params->protocol == VFIO_PROTOCOL_V2 && !c->mig)
		rc = error_set(err, -EOPNOTSUPP, "%s has no migration v2",
			       params->target);
	if (rc) {
		vfio_client_close(c);
		return rc;
	}
	*ret = c;
	return 0;
}

void vfio_client_close(struct vfio_client *c)
{
	if (!c)
		return;
	client_v1_close(c);
	if (c->ops)
		c->ops->close(c);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

uint32_t vfio_client_nr_regions(const struct vfio_client *c)
{
	return c->nr_regions;
}

uint32_t vfio_client_nr_irqs(const struct vfio_client *c)
{
	return c->nr_irqs;
}

bool vfio_client_can_reset(const struct vfio_client *c)
{
	return c->device_flags & VFIO_DEVICE_FLAGS_RESET;
}

bool vfio_client_is_v1(const struct vfio_client *c)
{
	return c->is_v1;
}

uint64_t vfio_client_flags(const struct vfio_client *c)
{
	return c->flags;
}

bool vfio_client_logs(const struct vfio_client *c)
{
	return c->logs;
}

int vfio_client_fd(const struct vfio_client *c)
{
	return c->device_fd >= 0 ? c->device_fd : c->wire.fd;
}

const char *vfio_client_why(const struct vfio_client *c)
{
	return c->why.text;
}

size_t vfio_client_data_room(const struct vfio_client *c)
{
	return c->room;
}

void vfio_client_traffic(struct vfio_client *c, struct vfio_traffic *ret)
{
	pthread_mutex_lock(&c->lock);
	*ret = (struct vfio_traffic){
		.messages = c->wire.messages_out + c->calls,
		.bytes_in = c->wire.bytes_in + c->bytes_in,
		.bytes_out = c->wire.bytes_out + c->bytes_out,
	};
	pthread_mutex_unlock(&c->lock);
}

/* The sentence of a failure stays until a call succeeds; a loss stays. */
static int begin(struct vfio_client *c)
{
	pthread_mutex_lock(&c->lock);
	if (c->lost)
		return -ENOTCONN;
	c->why.text[0] = 0;
	return 0;
}

static int end(struct vfio_client *c, int rc, const char *what)
{
	if (rc)
		error_set(&c->why, rc, "%s: %s: %s", c->params.target, what,
			  strerror(-rc));
	pthread_mutex_unlock(&c->lock);
	return rc;
}

#define CALL(c, what, call)                                                    \
	({                                                                     \
		int rc_ = begin(c);                                            \
                                                                               \
		end(c, rc_ ? rc_ : (call), what);                              \
	})
#define MIGRATION(c, what, call)                                               \
	CALL(c, what, (c)->mig ? (c)->mig->call : -EOPNOTSUPP)

int vfio_client_region(struct vfio_client *c, uint32_t index,
		       struct vfio_region *ret)
{
	return CALL(c, "cannot describe a region",
		    c->ops->region(c, index, ret));
}

int vfio_client_read(struct vfio_client *c, uint32_t region, uint64_t offset,
		     void *data, uint32_t bytes)
{
	return CALL(c, "cannot read a region",
		    c->ops->read(c, region, offset, data, bytes));
}

int vfio_client_write(struct vfio_client *c, uint32_t region, uint64_t offset,
		      const void *data, uint32_t bytes)
{
	return CALL(c, "cannot write a region",
		    c->ops->write(c, region, offset, data, bytes));
}

int vfio_client_irq_count(struct vfio_client *c, uint32_t index, uint32_t *ret)
{
	return CALL(c, "cannot describe interrupts",
		    c->ops->irq_count(c, index, ret));
}

int vfio_client_set_irqs(struct vfio_client *c, uint32_t index, uint32_t start,
			 uint32_t nr, const int *fds)
{
	return CALL(c, "cannot set interrupts",
		    c->ops->set_irqs(c, index, start, nr, fds));
}

int vfio_client_map(struct vfio_client *c, uint64_t iova, uint64_t bytes,
		    bool writeable, int fd, uint64_t fd_offset, void *hva)
{
	return CALL(c, "cannot map memory",
		    c->ops->map(c, iova, bytes, writeable, fd, fd_offset, hva));
}

int vfio_client_unmap(struct vfio_client *c, uint64_t iova, uint64_t bytes)
{
	return CALL(c, "cannot unmap memory", c->ops->unmap(c, iova, bytes));
}

int vfio_client_reset(struct vfio_client *c)
{
	return CALL(c, "cannot be reset", c->ops->reset(c));
}

int vfio_client_serve(struct vfio_client *c)
{
	return CALL(c, "cannot be served", c->ops->serve(c));
}

int vfio_client_get_state(struct vfio_client *c, uint32_t *ret)
{
	return MIGRATION(c, "does not tell its state", get_state(c, ret));
}

int vfio_client_set_state(struct vfio_client *c, uint32_t state)
{
	return MIGRATION(c, "cannot change its state", set_state(c, state));
}

int vfio_client_data_size(struct vfio_client *c, uint64_t *ret)
{
	return MIGRATION(c, "does not tell its size", data_size(c, ret));
}

int vfio_client_precopy_info(struct vfio_client *c,
			     struct mig_precopy_info *ret)
{
	return CALL(c, "does not tell what is left",
		    c->mig && c->mig->precopy_info
			    ? c->mig->precopy_info(c, ret)
			    : -EOPNOTSUPP);
}

int vfio_client_data_ask(struct vfio_client *c, size_t bytes)
{
	c->asked = bytes < c->room ? bytes : c->room;
	return MIGRATION(c, "cannot be asked for data", data_ask(c, c->asked));
}

int vfio_client_data_take(struct vfio_client *c, const void **ret_data,
			  size_t *ret_bytes, bool *ret_end)
{
	return MIGRATION(c, "gives no data",
			 data_take(c, ret_data, ret_bytes, ret_end));
}

int vfio_client_data_give(struct vfio_client *c, const void *data, size_t bytes)
{
	if (bytes > c->room)
		return -EMSGSIZE;
	return MIGRATION(c, "takes no data", data_give(c, data, bytes));
}

int vfio_client_data_settle(struct vfio_client *c)
{
	return MIGRATION(c, "did not take the data", data_settle(c));
}

static int read_piece(struct vfio_client *c, void *data, size_t bytes,
		      size_t *ret_bytes, bool *ret_end)
{
	const void *from;
	int rc;

	c->asked = bytes < c->room ? bytes : c->room;
	rc = c->mig->data_ask(c, c->asked);
	if (!rc)
		rc = c->mig->data_take(c, &from, ret_bytes, ret_end);
	if (!rc)
		memcpy(data, from, *ret_bytes);
	return rc;
}

int vfio_client_data_read(struct vfio_client *c, void *data, size_t bytes,
			  size_t *ret_bytes, bool *ret_end)
{
	return CALL(c, "gives no data",
		    c->mig ? read_piece(c, data, bytes, ret_bytes, ret_end)
			   : -EOPNOTSUPP);
}

static int write_pieces(struct vfio_client *c, const uint8_t *data,
			size_t bytes)
{
	int rc = 0;

	while (!rc && bytes) {
		size_t piece = bytes < c->room ? bytes : c->room;

		rc = c->mig->data_give(c, data, piece);
		if (!rc)
			rc = c->mig->data_settle(c);
		data += piece;
		bytes -= piece;
	}
	return rc;
}

int vfio_client_data_write(struct vfio_client *c, const void *data,
			   size_t bytes)
{
	return CALL(c, "did not take the data",
		    c->mig ? write_pieces(c, data, bytes) : -EOPNOTSUPP);
}

int vfio_client_log_start(struct vfio_client *c, uint64_t page_size,
			  const struct mig_logging_range *ranges, uint32_t nr)
{
	return MIGRATION(c, "cannot log what it writes",
			 log_start(c, page_size, ranges, nr));
}

int vfio_client_log_stop(struct vfio_client *c)
{
	return MIGRATION(c, "cannot stop logging", log_stop(c));
}

int vfio_client_log_report(struct vfio_client *c, uint64_t iova, uint64_t bytes,
			   uint64_t page_size, uint64_t *map)
{
	return MIGRATION(c, "does not tell what it wrote",
			 log_report(c, iova, bytes, page_size, map));
}
