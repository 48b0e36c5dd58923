/* SPDX-License-Identifier: MIT */
/* A device on a vfio-user socket. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "vfio/client_ops.h"

_Static_assert(VFIO_CLIENT_ROOM + sizeof(struct user_region_access) <=
		       USER_FIELD_XFER_BYTES,
	       "the head of a migration region's data is the largest");

/* Interrupts of one message. */
#define FDS_A_MESSAGE 8u

static int lose(struct vfio_client *c, int rc, uint16_t command)
{
	const char *how = strerror(-rc);

	if (rc == -ETIMEDOUT)
		how = "no answer within the time";
	else if (rc == -EPROTO)
		how = "the answer breaks the protocol";
	else if (rc == -ENODATA || rc == -ECONNRESET || rc == -EPIPE)
		how = "it hung up";
	c->lost = true;
	return error_set(&c->why, -ENOTCONN, "%s: command %u: %s",
			 c->params.target, command, how);
}

int client_user_nonsense(struct vfio_client *c, const char *what)
{
	c->lost = true;
	return error_set(&c->why, -ENOTCONN,
			 "%s: an answer of %zu bytes to %s makes no sense",
			 c->params.target, c->reply.payload_bytes, what);
}

int client_user_begin(struct vfio_client *c, uint16_t command, const void *head,
		      size_t head_bytes, const void *data, size_t bytes,
		      const int *fds, unsigned int nr_fds)
{
	const struct iovec iov[2] = { { (void *)head, head_bytes },
				      { (void *)data, bytes } };
	const struct user_payload p = { iov, 2, fds, nr_fds };
	struct user_header h = { .id = c->wire.next_id++, .command = command };
	int rc;

	user_message_close(&c->reply);
	if (!c->nr_begun++)
		c->begun = h.id;
	rc = user_wire_send(&c->wire, &h, &p);
	if (rc == -EMSGSIZE)
		c->nr_begun--;
	return rc && rc != -EMSGSIZE ? lose(c, rc, command) : rc;
}

int client_user_end(struct vfio_client *c, uint16_t command)
{
	int rc = user_wire_await(&c->wire, command, c->begun++, &c->reply,
				 (int)c->params.timeout_ms);

	c->nr_begun--;
	return rc ? lose(c, rc, command) : user_message_error(&c->reply);
}

int client_user_call(struct vfio_client *c, uint16_t command, const void *head,
		     size_t head_bytes, const void *data, size_t bytes,
		     const int *fds, unsigned int nr_fds)
{
	int rc = client_user_begin(c, command, head, head_bytes, data, bytes,
				   fds, nr_fds);

	return rc ? rc : client_user_end(c, command);
}

static int call(struct vfio_client *c, uint16_t command, const void *payload,
		size_t bytes)
{
	return client_user_call(c, command, payload, bytes, NULL, 0, NULL, 0);
}

/* ---- what the device asks ------------------------------------------------ */

static int give_memory(struct vfio_client *c, struct user_wire *w,
		       struct user_message *m, const struct user_dma_access *a)
{
	uint8_t *data = malloc(a->count ? a->count : 1);
	const struct iovec iov[2] = { { (void *)a, sizeof(*a) },
				      { data, a->count } };
	const struct user_payload p = { .iov = iov, .nr_iov = 2 };
	int rc = data ? c->params.dma(c->params.ctx, a->address, data, a->count,
				      false)
		      : -ENOMEM;

	rc = rc ? user_wire_refuse(w, &m->header, (uint32_t)-rc)
		: user_wire_reply(w, &m->header, &p);
	free(data);
	return rc;
}

static int take_memory(struct vfio_client *c, struct user_wire *w,
		       struct user_message *m, const struct user_dma_access *a)
{
	const struct iovec iov = { (void *)a, USER_DMA_WRITE_REPLY_BYTES };
	const struct user_payload p = { .iov = &iov, .nr_iov = 1 };
	int rc = c->params.dma(c->params.ctx, a->address,
			       (uint8_t *)m->payload + sizeof(*a), a->count,
			       true);

	return rc ? user_wire_refuse(w, &m->header, (uint32_t)-rc)
		  : user_wire_reply(w, &m->header, &p);
}

static int on_command(void *ctx, struct user_wire *w, struct user_message *m)
{
	struct vfio_client *c = ctx;
	bool write = m->header.command == USER_DMA_WRITE;
	struct user_dma_access a;

	if (!write && m->header.command != USER_DMA_READ)
		return user_wire_refuse(w, &m->header, EOPNOTSUPP);
	if (m->payload_bytes < sizeof(a))
		return user_wire_refuse(w, &m->header, EINVAL);
	memcpy(&a, m->payload, sizeof(a));
	if (write ? a.count != m->payload_bytes - sizeof(a)
		  : a.count > USER_DEFAULT_XFER_BYTES)
		return user_wire_refuse(w, &m->header, EINVAL);
	if (!c->params.dma)
		return user_wire_refuse(w, &m->header, EFAULT);
	return write ? take_memory(c, w, m, &a) : give_memory(c, w, m, &a);
}

static int user_serve(struct vfio_client *c)
{
	struct user_message m;
	int rc;

	while (!(rc = user_wire_receive(&c->wire, &m, 0))) {
		if ((m.header.flags & USER_TYPE_MASK) != USER_TYPE_COMMAND)
			rc = -EPROTO;
		else
			rc = on_command(c, &c->wire, &m);
		user_message_close(&m);
		if (rc)
			return lose(c, rc, m.header.command);
	}
	return rc == -EAGAIN ? 0 : lose(c, rc, 0);
}

/* ---- the device ---------------------------------------------------------- */

static void user_close(struct vfio_client *c)
{
	user_message_close(&c->reply);
	user_wire_exit(&c->wire);
}

static int user_region(struct vfio_client *c, uint32_t index,
		       struct vfio_region *ret)
{
	struct vfio_region_info info = { .argsz = 4096, .index = index };
	int rc = call(c, USER_GET_REGION_INFO, &info, sizeof(info));

	*ret = (struct vfio_region){ .fd = -1 };
	if (rc)
		return rc;
	if (c->reply.payload_bytes < sizeof(info) ||
	    client_region_caps(c->reply.payload, c->reply.payload_bytes, ret))
		return client_user_nonsense(c, "DEVICE_GET_REGION_INFO");
	if (!ret->nr_areas)
		return 0;
	memcpy(&info, c->reply.payload, sizeof(info));
	ret->fd = user_message_take_fd(&c->reply, 0);
	ret->fd_offset = info.offset;
	if (ret->fd < 0)
		ret->nr_areas = 0;
	return 0;
}

static int user_read(struct vfio_client *c, uint32_t region, uint64_t offset,
		     void *data, uint32_t bytes)
{
	const struct user_region_access a = { offset, region, bytes };
	int rc = call(c, USER_REGION_READ, &a, sizeof(a));

	if (rc)
		return rc;
	if (c->reply.payload_bytes < sizeof(a) + (size_t)bytes)
		return client_user_nonsense(c, "REGION_READ");
	memcpy(data, (const uint8_t *)c->reply.payload + sizeof(a), bytes);
	return 0;
}

static int user_write(struct vfio_client *c, uint32_t region, uint64_t offset,
		      const void *data, uint32_t bytes)
{
	const struct user_region_access a = { offset, region, bytes };

	return client_user_call(c, USER_REGION_WRITE, &a, sizeof(a), data,
				bytes, NULL, 0);
}

static int user_irq_count(struct vfio_client *c, uint32_t index, uint32_t *ret)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };
	int rc = call(c, USER_GET_IRQ_INFO, &info, sizeof(info));

	if (rc)
		return rc;
	if (c->reply.payload_bytes < sizeof(info))
		return client_user_nonsense(c, "DEVICE_GET_IRQ_INFO");
	memcpy(&info, c->reply.payload, sizeof(info));
	*ret = info.count;
	return 0;
}

static int set_irqs(struct vfio_client *c, uint32_t flags, uint32_t index,
		    uint32_t start, uint32_t nr, const int *fds)
{
	const struct user_irq_set set = {
		.argsz = sizeof(set),
		.flags = flags | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index,
		.start = start,
		.count = nr,
	};

	return client_user_call(c, USER_SET_IRQS, &set, sizeof(set), NULL, 0,
				fds, fds ? nr : 0);
}

/* As many as one message carries; those without descriptor on their own. */
static int user_set_irqs(struct vfio_client *c, uint32_t index, uint32_t start,
			 uint32_t nr, const int *fds)
{
	uint32_t most = c->peer.max_msg_fds < FDS_A_MESSAGE
				? (uint32_t)c->peer.max_msg_fds
				: FDS_A_MESSAGE;
	uint32_t i, run;
	int rc = 0;

	if (!nr)
		return set_irqs(c, VFIO_IRQ_SET_DATA_NONE, index, 0, 0, NULL);
	for (i = 0; !rc && i < nr; i += run) {
		bool has = fds[i] >= 0;

		for (run = 1; run < most && i + run < nr; run++)
			if ((fds[i + run] >= 0) != has)
				break;
		rc = set_irqs(c, VFIO_IRQ_SET_DATA_EVENTFD, index, start + i,
			      run, has ? fds + i : NULL);
	}
	return rc;
}

static int user_map(struct vfio_client *c, uint64_t iova, uint64_t bytes,
		    bool writeable, int fd, uint64_t fd_offset, void *hva)
{
	const struct user_dma_map map = {
		.argsz = sizeof(map),
		.flags = USER_DMA_READABLE |
			 (writeable ? USER_DMA_WRITEABLE : 0),
		.offset = fd >= 0 ? fd_offset : 0,
		.address = iova,
		.size = bytes,
	};

	(void)hva;
	return client_user_call(c, USER_DMA_MAP, &map, sizeof(map), NULL, 0,
				&fd, fd >= 0);
}

static int user_unmap(struct vfio_client *c, uint64_t iova, uint64_t bytes)
{
	const struct user_dma_unmap u = { sizeof(u), 0, iova, bytes };

	return call(c, USER_DMA_UNMAP, &u, sizeof(u));
}

static int user_reset(struct vfio_client *c)
{
	return call(c, USER_RESET, NULL, 0);
}

static const struct client_ops user_ops = {
	.close = user_close,
	.region = user_region,
	.read = user_read,
	.write = user_write,
	.irq_count = user_irq_count,
	.set_irqs = user_set_irqs,
	.map = user_map,
	.unmap = user_unmap,
	.reset = user_reset,
	.serve = user_serve,
};

/* ---- connecting ---------------------------------------------------------- */

static int greet(struct vfio_client *c)
{
	struct user_version version;
	struct user_caps caps;
	size_t bytes;
	void *data;
	int rc;

	user_caps_default(&caps);
	caps.named = USER_CAP_MSG_FDS | USER_CAP_XFER | USER_CAP_PGSIZE_FIELD;
	caps.max_msg_fds = USER_MAX_FDS;
	rc = user_version_build(USER_MAJOR, USER_MINOR, &caps, &data, &bytes);
	if (rc)
		return rc;
	rc = call(c, USER_VERSION, data, bytes);
	free(data);
	if (rc)
		return rc;
	if (user_version_parse(c->reply.payload, c->reply.payload_bytes,
			       &version, &c->peer))
		return client_user_nonsense(c, "VERSION");
	if (version.major != USER_MAJOR)
		return -EPROTO;
	c->room = c->params.room ? c->params.room : VFIO_CLIENT_ROOM;
	if (c->room > USER_DEFAULT_XFER_BYTES)
		c->room = USER_DEFAULT_XFER_BYTES;
	if (c->room > c->peer.max_xfer_bytes)
		c->room = c->peer.max_xfer_bytes;
	return c->room < 4096 ? -EPROTO : 0;
}

/* Some refuse it while the device is stopped; PCI's numbers are fixed. */
static int ask_info(struct vfio_client *c)
{
	struct user_device_info info = { .argsz = sizeof(info) };
	int rc = call(c, USER_GET_INFO, &info, sizeof(info));

	c->nr_regions = VFIO_PCI_NUM_REGIONS;
	c->nr_irqs = VFIO_PCI_NUM_IRQS;
	c->device_flags = VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI;
	if (rc)
		return c->lost ? rc : 0;
	if (c->reply.payload_bytes < sizeof(info))
		return client_user_nonsense(c, "DEVICE_GET_INFO");
	memcpy(&info, c->reply.payload, sizeof(info));
	if (info.num_regions > 4096 || info.num_irqs > 4096)
		return client_user_nonsense(c, "DEVICE_GET_INFO");
	c->nr_regions = info.num_regions;
	c->nr_irqs = info.num_irqs;
	c->device_flags = info.flags;
	return 0;
}

static int connect_to(struct vfio_client *c, struct error *err)
{
	char address[4096];
	int fd, rc;

	if ((size_t)snprintf(address, sizeof(address), "%s%s",
			     strncmp(c->params.target, "fd:", 3) ? "unix:" : "",
			     c->params.target) >= sizeof(address))
		return error_set(err, -EINVAL, "the socket's path is too long");
	rc = address_dial(address, c->params.cancel_fd, c->params.timeout_ms,
			  &fd, err);
	if (rc)
		return rc;
	rc = user_wire_init(&c->wire, fd);
	if (rc)
		return error_set(err, rc, "no memory");
	c->wire.send_timeout_ms = c->params.timeout_ms;
	c->wire.on_command = on_command;
	c->wire.ctx = c;
	return 0;
}

int client_user_open(struct vfio_client *c, struct error *err)
{
	int rc;

	c->ops = &user_ops;
	rc = connect_to(c, err);
	if (rc)
		return rc;
	rc = greet(c);
	if (!rc)
		rc = ask_info(c);
	if (c->lost)
		return error_set(err, rc, "%s", c->why.text);
	if (rc)
		return error_set(err, rc,
				 "%s does not speak vfio-user as we do: %s",
				 c->params.target, strerror(-rc));
	rc = client_user_probe(c);
	return rc ? error_set(err, rc, "%s", c->why.text) : 0;
}
