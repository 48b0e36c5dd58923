/* SPDX-License-Identifier: MIT */
#include "middle.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

uint64_t middle_random(uint64_t *rng, uint64_t limit)
{
	*rng ^= *rng << 13;
	*rng ^= *rng >> 7;
	*rng ^= *rng << 17;
	return *rng % limit;
}

/* ---- damage -------------------------------------------------------------- */

static uint64_t odd_number(uint64_t *rng)
{
	static const uint64_t odd[] = {
		0,
		1,
		7,
		8,
		15,
		16,
		17,
		31,
		32,
		4095,
		4096,
		4097,
		65535,
		65536,
		1048576,
		1048577,
		0x7fffffff,
		0x80000000,
		0xffffffff,
		1ull << 40,
		1ull << 63,
		UINT64_MAX,
		UINT64_MAX - 4095,
	};

	return odd[middle_random(rng, sizeof(odd) / sizeof(odd[0]))];
}

/* A command of the device's own, in between. */
static void inject(struct middle *m)
{
	struct user_dma_access a = { odd_number(&m->rng) %
					     (2 * MIDDLE_MEMORY_BYTES),
				     odd_number(&m->rng) % 5000 };
	uint16_t command = USER_DMA_READ + middle_random(&m->rng, 2);
	static uint8_t data[5000];
	size_t behind = command == USER_DMA_WRITE ? a.count : 0;
	const struct iovec iov[2] = { { &a, sizeof(a) }, { data, behind } };
	const struct user_payload p = { .iov = iov, .nr_iov = 2 };
	struct user_header h = { .id = 77, .command = command };

	if (!middle_random(&m->rng, 8))
		h.command = (uint16_t)middle_random(&m->rng, 40);
	if (!middle_random(&m->rng, 8))
		a.count = odd_number(&m->rng);
	user_wire_send(&m->client, &h, &p);
}

/* One of the ways in which a message can be wrong. */
static void damage(struct middle *m, struct user_header *h, uint8_t *data,
		   size_t *bytes)
{
	uint64_t value = odd_number(&m->rng), at;
	size_t width = 1u << middle_random(&m->rng, 4);

	m->damaged++;
	switch (middle_random(&m->rng, 10)) {
	case 0:
		h->id ^= (uint16_t)(1u << middle_random(&m->rng, 16));
		break;
	case 1:
		h->command = (uint16_t)middle_random(&m->rng, 40);
		break;
	case 2:
		h->flags ^= 1u << middle_random(&m->rng, 8);
		h->error = (uint32_t)value;
		break;
	case 3:
		*bytes = middle_random(&m->rng, *bytes + 1);
		break;
	case 4:
		at = middle_random(&m->rng, 64);
		memset(data + *bytes, (int)value, at);
		*bytes += at;
		break;
	case 5:
		inject(m);
		break;
	default:
		/* A number at a place where one may be. */
		if (*bytes < width)
			break;
		at = middle_random(&m->rng, *bytes < 96 ? *bytes : 96) / width *
		     width;
		if (at + width <= *bytes)
			memcpy(data + at, &value, width);
		break;
	}
}

/* Sends what claims to be larger or smaller than it is, and hangs up. */
static void lie(struct middle *m, struct user_header h, const uint8_t *data,
		size_t bytes)
{
	h.bytes = (uint32_t)odd_number(&m->rng);
	if (send(m->client.fd, &h, sizeof(h), MSG_NOSIGNAL) < 0 ||
	    send(m->client.fd, data, bytes, MSG_NOSIGNAL) < 0)
		return;
}

static int pass_answer(struct middle *m)
{
	static uint8_t data[USER_MAX_PAYLOAD + 64];
	struct iovec iov = { data, 0 };
	struct user_payload p = { .iov = &iov, .nr_iov = 1 };
	struct user_header h;
	struct user_message in;
	size_t bytes;
	int rc = user_wire_receive(&m->device, &in, -1);

	if (rc)
		return rc;
	h = in.header;
	bytes = in.payload_bytes;
	memcpy(data, in.payload, bytes);
	p.fds = in.fds;
	p.nr_fds = in.nr_fds;
	if (middle_random(&m->rng, 1000) < m->rate) {
		if (!middle_random(&m->rng, 20)) {
			lie(m, h, data, bytes);
			rc = -EPIPE;
		}
		damage(m, &h, data, &bytes);
		if (!middle_random(&m->rng, 10))
			p.nr_fds = 0;
	}
	iov.iov_len = bytes;
	if (!rc)
		rc = user_wire_send(&m->client, &h, &p);
	user_message_close(&in);
	return rc;
}

static int pass_command(struct middle *m)
{
	struct user_message in;
	int rc = user_wire_receive(&m->client, &in, -1);
	struct iovec iov = { (void *)in.payload, in.payload_bytes };
	struct user_payload p = { &iov, 1, in.fds, in.nr_fds };

	if (rc)
		return rc;
	/* Answers to what was injected are nobody's. */
	if ((in.header.flags & USER_TYPE_MASK) == USER_TYPE_COMMAND)
		rc = user_wire_send(&m->device, &in.header, &p);
	user_message_close(&in);
	return rc;
}

void *middle_stand(void *ctx)
{
	struct middle *m = ctx;
	int rc = 0;

	while (!rc) {
		struct pollfd p[2] = { { .fd = m->client.fd, .events = POLLIN },
				       { .fd = m->device.fd,
					 .events = POLLIN } };

		if (poll(p, 2, -1) < 0)
			abort();
		if (p[1].revents)
			rc = pass_answer(m);
		else if (p[0].revents)
			rc = pass_command(m);
	}
	user_wire_exit(&m->client);
	user_wire_exit(&m->device);
	return NULL;
}
