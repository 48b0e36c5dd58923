/* SPDX-License-Identifier: MIT */
/* The client of the tests: each command as the text has it, no more. */
#include "client.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dma.h"
#include "unit/unit.h"

const struct device_params client_params = {
	.state_bytes = 100000,
	.initial_bytes = UINT64_MAX,
	.p2p = true,
	.precopy = true,
};

static void *serve(void *ctx)
{
	struct client *c = ctx;

	c->served =
		vfio_device_serve_one(c->device, c->their_fd, c->stop_fd, NULL);
	return NULL;
}

/* The client's memory is one piece: what is outside of it is refused. */
static int on_dma(void *ctx, struct user_wire *w, struct user_message *m)
{
	struct client *c = ctx;
	const struct user_dma_access *a = m->payload;
	struct user_payload p = { .nr_iov = 1 };
	struct iovec iov[2];
	uint8_t *at;

	if (a->address - c->memory_address >= c->memory_bytes ||
	    a->count > c->memory_bytes - (a->address - c->memory_address))
		return user_wire_refuse(w, &m->header, EFAULT);
	at = c->memory + (a->address - c->memory_address);
	iov[0] = (struct iovec){ (void *)a, USER_DMA_WRITE_REPLY_BYTES };
	iov[1] = (struct iovec){ at, a->count };
	p.iov = iov;
	if (m->header.command == USER_DMA_READ) {
		c->dma_reads++;
		iov[0].iov_len = sizeof(*a);
		p.nr_iov = 2;
	} else {
		c->dma_writes++;
		memcpy(at, a + 1, a->count);
	}
	return user_wire_reply(w, &m->header, &p);
}

void client_open(struct client *c, struct vfio_device *device)
{
	int fds[2];

	memset(c, 0, sizeof(*c));
	c->device = device;
	c->stop_fd = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	c->their_fd = fds[1];
	assert_int_equal(user_wire_init(&c->wire, fds[0]), 0);
	c->wire.on_command = on_dma;
	c->wire.ctx = c;
	assert_int_equal(pthread_create(&c->thread, NULL, serve, c), 0);
}

void client_connect(struct client *c, struct vfio_device *device)
{
	static const char json[] = "{\"capabilities\":{\"max_msg_fds\":16}}";
	const struct user_version version = { USER_MAJOR, USER_MINOR };

	client_open(c, device);
	assert_int_equal(client_call_with(c, USER_VERSION, &version,
					  sizeof(version), json, sizeof(json)),
			 0);
}

void client_disconnect(struct client *c)
{
	user_message_close(&c->reply);
	user_wire_exit(&c->wire);
	pthread_join(c->thread, NULL);
	close(c->stop_fd);
}

void client_start(struct client *c, const struct device_params *params)
{
	struct vfio_device *device;

	assert_int_equal(vfio_device_create(params, &device), 0);
	client_connect(c, device);
}

void client_stop(struct client *c)
{
	client_disconnect(c);
	vfio_device_destroy(c->device);
}

static int call(struct client *c, uint16_t command,
		const struct user_payload *p)
{
	user_message_close(&c->reply);
	assert_int_equal(user_wire_call(&c->wire, command, p, &c->reply,
					CLIENT_TIMEOUT_MS),
			 0);
	if (user_message_error(&c->reply))
		assert_int_equal(c->reply.payload_bytes, 0);
	return user_message_error(&c->reply);
}

int client_call_fds(struct client *c, uint16_t command, const void *payload,
		    size_t bytes, const int *fds, unsigned int nr)
{
	const struct iovec iov = { (void *)payload, bytes };
	const struct user_payload p = { &iov, 1, fds, nr };

	return call(c, command, &p);
}

int client_call(struct client *c, uint16_t command, const void *payload,
		size_t bytes)
{
	return client_call_fds(c, command, payload, bytes, NULL, 0);
}

int client_call_with(struct client *c, uint16_t command, const void *head,
		     size_t head_bytes, const void *data, size_t bytes)
{
	const struct iovec iov[2] = { { (void *)head, head_bytes },
				      { (void *)data, bytes } };
	const struct user_payload p = { .iov = iov, .nr_iov = 2 };

	return call(c, command, &p);
}

int client_region_read(struct client *c, uint32_t region, uint64_t offset,
		       void *data, uint32_t bytes)
{
	const struct user_region_access a = { offset, region, bytes };
	int rc = client_call(c, USER_REGION_READ, &a, sizeof(a));

	if (rc)
		return rc;
	assert_int_equal(c->reply.payload_bytes, sizeof(a) + bytes);
	assert_memory_equal(c->reply.payload, &a, sizeof(a));
	memcpy(data, (const uint8_t *)c->reply.payload + sizeof(a), bytes);
	return 0;
}

int client_region_write(struct client *c, uint32_t region, uint64_t offset,
			const void *data, uint32_t bytes)
{
	const struct user_region_access a = { offset, region, bytes };
	int rc = client_call_with(c, USER_REGION_WRITE, &a, sizeof(a), data,
				  bytes);

	if (!rc)
		assert_int_equal(c->reply.payload_bytes, sizeof(a));
	return rc;
}

uint64_t client_reg(struct client *c, size_t offset, size_t bytes)
{
	uint64_t value = 0;

	assert_int_equal(client_region_read(c, ABI_DMA_BAR_REGS, offset, &value,
					    (uint32_t)bytes),
			 0);
	return value;
}

void client_set_reg(struct client *c, size_t offset, size_t bytes,
		    uint64_t value)
{
	assert_int_equal(client_region_write(c, ABI_DMA_BAR_REGS, offset,
					     &value, (uint32_t)bytes),
			 0);
}

int client_feature(struct client *c, uint32_t flags, const void *data,
		   size_t bytes, size_t room)
{
	const struct user_feature f = { (uint32_t)(sizeof(f) + room), flags };

	return client_call_with(c, USER_FEATURE, &f, sizeof(f), data, bytes);
}

int client_set_state(struct client *c, uint32_t state)
{
	const struct mig_feature_state f = { state, -1 };

	return client_feature(
		c, VFIO_DEVICE_FEATURE_SET | MIG_FEATURE_DEVICE_STATE, &f,
		sizeof(f), sizeof(f));
}

uint32_t client_state(struct client *c)
{
	struct mig_feature_state f;

	assert_int_equal(client_feature(c,
					VFIO_DEVICE_FEATURE_GET |
						MIG_FEATURE_DEVICE_STATE,
					NULL, 0, sizeof(f)),
			 0);
	assert_int_equal(c->reply.payload_bytes,
			 sizeof(struct user_feature) + sizeof(f));
	memcpy(&f,
	       (const uint8_t *)c->reply.payload + sizeof(struct user_feature),
	       sizeof(f));
	return f.device_state;
}

int client_data_read(struct client *c, void *data, uint32_t bytes)
{
	struct user_mig_data a = { (uint32_t)sizeof(a) + bytes, bytes };
	int rc = client_call(c, USER_MIG_DATA_READ, &a, sizeof(a));

	if (rc)
		return rc;
	assert_true(c->reply.payload_bytes >= sizeof(a));
	memcpy(&a, c->reply.payload, sizeof(a));
	assert_true(a.size <= bytes);
	assert_int_equal(a.argsz, c->reply.payload_bytes);
	memcpy(data, (const uint8_t *)c->reply.payload + sizeof(a), a.size);
	return (int)a.size;
}

int client_data_write(struct client *c, const void *data, uint32_t bytes)
{
	const struct user_mig_data a = { (uint32_t)sizeof(a) + bytes, bytes };

	return client_call_with(c, USER_MIG_DATA_WRITE, &a, sizeof(a), data,
				bytes);
}

int client_map(struct client *c, uint64_t address, uint64_t bytes, int fd)
{
	const struct user_dma_map map = { sizeof(map),
					  USER_DMA_READABLE |
						  USER_DMA_WRITEABLE,
					  0, address, bytes };

	return client_call_fds(c, USER_DMA_MAP, &map, sizeof(map), &fd,
			       fd >= 0);
}

int client_unmap(struct client *c, uint64_t address, uint64_t bytes)
{
	const struct user_dma_unmap u = { sizeof(u), 0, address, bytes };

	return client_call(c, USER_DMA_UNMAP, &u, sizeof(u));
}
