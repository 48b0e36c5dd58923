/* SPDX-License-Identifier: MIT */
/* One client of the device: its messages, by turns with the engine's steps. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "vfio/device_priv.h"
#include "vfio/device_server.h"

/* Messages that come while the device waits for its client. */
#define MAX_QUEUED 64u
#define MAX_QUEUED_BYTES (4u << 20)
/* Before the engine has its turn. */
#define MESSAGES_A_TURN 16u
/* A client may take that long to say its first word, and to end a message. */
#define PATIENCE_NS (10 * NSEC_PER_SEC)

struct queued {
	struct queued *next;
	struct user_message m; /* its payload is `payload` */
	uint8_t payload[];
};

struct session {
	struct vfio_device *d;
	struct user_wire wire;
	struct queued *first, **last;
	unsigned int nr_queued;
	size_t queued_bytes;
	uint8_t *reply; /* USER_MAX_PAYLOAD */
	uint64_t begun_ns; /* the message that is coming in; 0 = none is */
};

static const struct {
	device_handler *handle;
	uint32_t min_bytes, max_bytes; /* of the payload */
	bool takes_fds;
} commands[] = {
	[USER_VERSION] = { device_handle_version, 4, 65536, false },
	[USER_DMA_MAP] = { device_handle_dma_map, 32, 32, true },
	[USER_DMA_UNMAP] = { device_handle_dma_unmap, 24, 24, false },
	[USER_GET_INFO] = { device_handle_info, 16, 16, false },
	[USER_GET_REGION_INFO] = { device_handle_region_info, 32, 32, false },
	[USER_GET_REGION_IO_FDS] = { device_handle_region_io_fds, 16, 16,
				     false },
	[USER_GET_IRQ_INFO] = { device_handle_irq_info, 16, 16, false },
	[USER_SET_IRQS] = { device_handle_set_irqs, 20, 4096, true },
	[USER_REGION_READ] = { device_handle_region_read, 16, 16, false },
	[USER_REGION_WRITE] = { device_handle_region_write, 16,
				USER_MAX_PAYLOAD, false },
	[USER_RESET] = { device_handle_reset, 0, 0, false },
	[USER_DIRTY_PAGES] = { device_handle_dirty_pages, 8, 40, false },
	[USER_WRITE_MULTI] = { device_handle_write_multi, 8, USER_MAX_PAYLOAD,
			       false },
	[USER_FEATURE] = { device_handle_feature, 8, 65536, false },
	[USER_MIG_DATA_READ] = { device_handle_mig_data_read, 8, 8, false },
	[USER_MIG_DATA_WRITE] = { device_handle_mig_data_write, 8,
				  USER_MAX_PAYLOAD, false },
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int handle(struct session *s, struct user_message *m,
		  struct device_reply *r)
{
	uint16_t command = m->header.command;
	struct vfio_device *d = s->d;

	if (!d->negotiated && command != USER_VERSION) {
		r->hang_up = true;
		return -EPROTO;
	}
	if (command >= NR_COMMANDS || !commands[command].handle)
		return device_has_fault(d, FAULT_UNKNOWN_ACCEPTED)
			       ? 0
			       : -EOPNOTSUPP;
	if (m->payload_bytes < commands[command].min_bytes ||
	    m->payload_bytes > commands[command].max_bytes || m->fds_lost ||
	    (m->nr_fds && !commands[command].takes_fds))
		return -EINVAL;
	return commands[command].handle(d, m, r);
}

/* Handles a command and replies. -errno: the client is to be left. */
static int answer(struct session *s, struct user_message *m)
{
	struct device_reply r = { .data = s->reply, .fd = -1 };
	struct iovec iov;
	struct user_payload p = { .iov = &iov, .nr_iov = 1, .fds = &r.fd };
	int rc;

	if ((m->header.flags & USER_TYPE_MASK) != USER_TYPE_COMMAND) {
		user_message_close(m);
		return -EPROTO;
	}
	rc = handle(s, m, &r);
	user_message_close(m);
	if (r.hang_up)
		return rc ? rc : -EPROTO;
	if (rc)
		return user_wire_refuse(&s->wire, &m->header, (uint32_t)-rc);
	iov = (struct iovec){ r.data, r.bytes };
	p.nr_fds = r.fd >= 0;
	return user_wire_reply(&s->wire, &m->header, &p);
}

/* While the engine waits for a reply: later, in order. */
static int put_off(void *ctx, struct user_wire *w, struct user_message *m)
{
	struct session *s = ctx;
	struct queued *q;

	if (s->nr_queued == MAX_QUEUED ||
	    s->queued_bytes + m->payload_bytes > MAX_QUEUED_BYTES)
		return -ENOBUFS;
	q = malloc(sizeof(*q) + m->payload_bytes);
	if (!q)
		return -ENOMEM;
	q->next = NULL;
	q->m = *m;
	m->nr_fds = 0;
	if (m->payload_bytes)
		memcpy(q->payload, m->payload, m->payload_bytes);
	q->m.payload = q->payload;
	*s->last = q;
	s->last = &q->next;
	s->nr_queued++;
	s->queued_bytes += q->m.payload_bytes;
	return 0;
}

static struct queued *queue_pop(struct session *s)
{
	struct queued *q = s->first;

	if (!q)
		return NULL;
	s->first = q->next;
	if (!s->first)
		s->last = &s->first;
	s->nr_queued--;
	s->queued_bytes -= q->m.payload_bytes;
	return q;
}

/* One message that was put off, or is there. -EAGAIN: there is none. */
static int next_message(struct session *s)
{
	struct queued *q = queue_pop(s);
	struct user_message m;
	int rc;

	if (q) {
		rc = answer(s, &q->m);
		free(q);
		return rc;
	}
	rc = user_wire_receive(&s->wire, &m, 0);
	if (!rc)
		return answer(s, &m);
	return rc;
}

/* A client that begins and does not go on has its time. */
static int check_patience(struct session *s)
{
	uint64_t now = clock_now_ns();

	if (!s->wire.have && s->d->negotiated) {
		s->begun_ns = 0;
		return 0;
	}
	if (!s->begun_ns)
		s->begun_ns = now;
	return now - s->begun_ns > PATIENCE_NS ? -ETIMEDOUT : 0;
}

/* Until a message, the engine's next step or the end. 1 = the end. */
static int wait_for_work(const struct session *s, int stop_fd, uint64_t wait_ns)
{
	struct pollfd p[2] = { { .fd = s->wire.fd, .events = POLLIN },
			       { .fd = stop_fd, .events = POLLIN } };
	struct timespec ts = { .tv_sec = 1 };

	if (wait_ns < NSEC_PER_SEC)
		ts = (struct timespec){ .tv_nsec = (long)wait_ns };
	if (ppoll(p, 2, &ts, NULL) < 0)
		return errno == EINTR ? 0 : -errno;
	return !!p[1].revents;
}

static int run(struct session *s, int stop_fd)
{
	unsigned int nr;
	uint64_t wait_ns;
	int rc;

	for (;;) {
		for (nr = 0, rc = 0; !rc && nr < MESSAGES_A_TURN; nr++)
			rc = next_message(s);
		if (rc && rc != -EAGAIN)
			return rc;
		rc = check_patience(s);
		if (!rc)
			rc = device_engine_run(s->d, &wait_ns);
		if (rc)
			return rc;
		if (s->first || nr == MESSAGES_A_TURN)
			wait_ns = 0;
		rc = wait_for_work(s, stop_fd, wait_ns);
		if (rc)
			return rc < 0 ? rc : 0;
	}
}

static void session_exit(struct session *s)
{
	struct queued *q;

	while ((q = queue_pop(s))) {
		user_message_close(&q->m);
		free(q);
	}
	device_detach(s->d);
	if (device_has_fault(s->d, FAULT_FORGETS_STATE))
		device_reset(s->d);
	user_wire_exit(&s->wire);
	free(s->reply);
}

int vfio_device_serve_one(struct vfio_device *d, int fd, int stop_fd,
			  struct error *err)
{
	struct session s = { .d = d, .last = NULL };
	int rc = user_wire_init(&s.wire, fd);

	if (rc)
		return error_set(err, rc, "no memory for a client");
	s.last = &s.first;
	s.wire.on_command = put_off;
	s.wire.ctx = &s;
	d->wire = &s.wire;
	s.reply = malloc(USER_MAX_PAYLOAD);
	rc = s.reply ? run(&s, stop_fd) : -ENOMEM;
	session_exit(&s);
	if (rc == -ENODATA)
		return error_set(err, rc, "the client went away");
	if (rc)
		return error_set(err, rc, "left the client: %s", strerror(-rc));
	return 0;
}
