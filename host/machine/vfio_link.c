/* SPDX-License-Identifier: MIT */
/* A connection to a vfio-user device: opened, listened to, lost. */
#include "machine/vfio_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/address.h"
#include "machine/vfio_link_impl.h"

#define CONNECT_TIMEOUT_MS 5000u
/* A device may take its time to load or save; not for ever. */
#define REPLY_TIMEOUT_MS 30000

static void lose(struct vfio_link *l, int rc)
{
	if (l->lost)
		return;
	l->lost = true;
	if (rc == -ENODATA || rc == -ECONNRESET || rc == -EPIPE)
		error_set(&l->why, rc, "the vfio-user device at %s has gone",
			  l->path);
	else if (rc == -ETIMEDOUT)
		error_set(&l->why, rc,
			  "the vfio-user device at %s does not answer",
			  l->path);
	else
		error_set(&l->why, rc,
			  "the vfio-user device at %s broke the protocol: %s",
			  l->path, strerrordesc_np(-rc));
}

const char *vfio_link_path(const struct vfio_link *l)
{
	return l->path;
}

const char *vfio_link_why(const struct vfio_link *l)
{
	return l->why.text;
}

/* ---- what the device wants ---------------------------------------------- */

static int dma_read(struct vfio_link *l, struct user_wire *w,
		    struct user_message *m, const struct user_dma_access *a)
{
	struct iovec iov[2] = { { (void *)a, sizeof(*a) },
				{ l->dma, a->count } };
	const struct user_payload p = { .iov = iov, .nr_iov = 2 };

	if (l->events.dma(l->events.ctx, false, a->address, l->dma, a->count))
		return user_wire_refuse(w, &m->header, EFAULT);
	return user_wire_reply(w, &m->header, &p);
}

static int dma_write(struct vfio_link *l, struct user_wire *w,
		     struct user_message *m, const struct user_dma_access *a)
{
	const struct {
		uint64_t address;
		uint32_t count;
	} __attribute__((packed)) done = { a->address, (uint32_t)a->count };
	struct iovec iov = { (void *)&done, USER_DMA_WRITE_REPLY_BYTES };
	const struct user_payload p = { .iov = &iov, .nr_iov = 1 };
	void *data = (uint8_t *)m->payload + sizeof(*a);

	if (m->payload_bytes != sizeof(*a) + a->count ||
	    l->events.dma(l->events.ctx, true, a->address, data, a->count))
		return user_wire_refuse(w, &m->header, EFAULT);
	return user_wire_reply(w, &m->header, &p);
}

static int on_command(void *ctx, struct user_wire *w, struct user_message *m)
{
	uint16_t command = m->header.command;
	struct vfio_link *l = ctx;
	struct user_dma_access a;
	int rc;

	if (command != USER_DMA_READ && command != USER_DMA_WRITE)
		rc = user_wire_refuse(w, &m->header, EOPNOTSUPP);
	else if (m->payload_bytes < sizeof(a))
		rc = user_wire_refuse(w, &m->header, EINVAL);
	else {
		memcpy(&a, m->payload, sizeof(a));
		if (a.count > USER_DEFAULT_XFER_BYTES)
			rc = user_wire_refuse(w, &m->header, EINVAL);
		else if (command == USER_DMA_READ)
			rc = dma_read(l, w, m, &a);
		else
			rc = dma_write(l, w, m, &a);
	}
	user_message_close(m);
	return rc;
}

/* Whatever is there, and no call waits for. */
static int take_commands(struct vfio_link *l)
{
	struct user_message m;
	int rc;

	while (!(rc = user_wire_receive(&l->wire, &m, 0))) {
		if ((m.header.flags & USER_TYPE_MASK) == USER_TYPE_COMMAND)
			rc = on_command(l, &l->wire, &m);
		else
			rc = -EPROTO;
		if (rc) {
			user_message_close(&m);
			return rc;
		}
	}
	return rc == -EAGAIN ? 0 : rc;
}

/* Return: the connection is lost. */
static bool listen_once(struct vfio_link *l)
{
	bool lost;
	int rc;

	pthread_mutex_lock(&l->lock);
	rc = l->lost ? 0 : take_commands(l);
	if (rc)
		lose(l, rc);
	lost = l->lost;
	pthread_mutex_unlock(&l->lock);
	return lost;
}

static void *listen_on(void *arg)
{
	struct vfio_link *l = arg;
	struct pollfd p[2] = { { .fd = l->wire.fd, .events = POLLIN },
			       { .fd = l->stop_fd, .events = POLLIN } };

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (p[1].revents)
			return NULL;
		if (p[0].revents && listen_once(l)) {
			l->events.lost(l->events.ctx, l->why.text);
			return NULL;
		}
	}
}

/* ---- calls -------------------------------------------------------------- */

static int take_reply(struct link_call *c, struct user_message *m)
{
	int rc = user_message_error(m);

	c->got_bytes = m->payload_bytes;
	if (!rc && m->payload_bytes < c->least_bytes)
		rc = -EPROTO;
	if (!rc && c->reply)
		memcpy(c->reply, m->payload,
		       m->payload_bytes < c->reply_bytes ? m->payload_bytes
							 : c->reply_bytes);
	c->fd = rc ? -1 : user_message_take_fd(m, 0);
	user_message_close(m);
	return rc;
}

int link_call(struct vfio_link *l, struct link_call *c)
{
	const struct iovec iov[2] = { { (void *)c->head, c->head_bytes },
				      { (void *)c->data, c->data_bytes } };
	const struct user_payload p = {
		.iov = iov, .nr_iov = 2, .fds = c->fds, .nr_fds = c->nr_fds
	};
	struct user_message m;
	int rc = -ENOTCONN;

	c->fd = -1;
	pthread_mutex_lock(&l->lock);
	if (!l->lost) {
		rc = user_wire_call(&l->wire, c->command, &p, &m,
				    REPLY_TIMEOUT_MS);
		if (rc)
			lose(l, rc);
		rc = rc ? -ENOTCONN : take_reply(c, &m);
	}
	pthread_mutex_unlock(&l->lock);
	return rc;
}

/* ---- beginning and end -------------------------------------------------- */

static int agree(struct vfio_link *l)
{
	const struct user_caps own = {
		.named = USER_CAP_MSG_FDS | USER_CAP_XFER | USER_CAP_DMA_MAPS |
			 USER_CAP_PGSIZES | USER_CAP_PGSIZE_FIELD,
		.max_msg_fds = USER_MAX_FDS,
		.max_xfer_bytes = USER_DEFAULT_XFER_BYTES,
		.max_dma_maps = USER_DEFAULT_DMA_MAPS,
		.pgsizes = USER_DEFAULT_PGSIZES,
	};
	struct user_version version;
	struct user_message m;
	struct iovec iov;
	const struct user_payload p = { .iov = &iov, .nr_iov = 1 };
	int rc = user_version_build(USER_MAJOR, USER_MINOR, &own, &iov.iov_base,
				    &iov.iov_len);

	if (rc)
		return rc;
	rc = user_wire_call(&l->wire, USER_VERSION, &p, &m, REPLY_TIMEOUT_MS);
	free(iov.iov_base);
	if (rc)
		return rc;
	rc = user_message_error(&m);
	if (!rc)
		rc = user_version_parse(m.payload, m.payload_bytes, &version,
					&l->peer);
	if (!rc && version.major != USER_MAJOR)
		rc = -EPROTONOSUPPORT;
	user_message_close(&m);
	return rc;
}

static int start_thread(struct vfio_link *l)
{
	int rc;

	l->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (l->stop_fd < 0)
		return -errno;
	rc = -pthread_create(&l->thread, NULL, listen_on, l);
	l->has_thread = !rc;
	if (!rc)
		pthread_setname_np(l->thread, "vfio-user");
	return rc;
}

int vfio_link_open(const char *path, const struct vfio_link_events *events,
		   struct vfio_link **ret_link, struct error *err)
{
	struct vfio_link *l = calloc(1, sizeof(*l));
	char address[128];
	int rc, fd;

	if (!l)
		return error_set(err, -ENOMEM, "out of memory");
	l->wire.fd = l->stop_fd = -1;
	l->events = *events;
	pthread_mutex_init(&l->lock, NULL);
	snprintf(l->path, sizeof(l->path), "%s", path);
	snprintf(address, sizeof(address), "%s%s",
		 strncmp(path, "fd:", 3) ? "unix:" : "", path);
	rc = address_dial(address, -1, CONNECT_TIMEOUT_MS, &fd, err);
	if (rc)
		goto err_close;
	rc = user_wire_init(&l->wire, fd);
	l->wire.on_command = on_command;
	l->wire.ctx = l;
	l->wire.send_timeout_ms = REPLY_TIMEOUT_MS;
	l->dma = rc ? NULL : malloc(USER_DEFAULT_XFER_BYTES);
	if (!rc)
		rc = l->dma ? agree(l) : -ENOMEM;
	if (!rc)
		rc = start_thread(l);
	if (rc) {
		error_set(err, rc, "no vfio-user device answers at %s: %s",
			  path, strerrordesc_np(-rc));
		goto err_close;
	}
	*ret_link = l;
	return 0;

err_close:
	vfio_link_close(l);
	return rc;
}

void vfio_link_quiet(struct vfio_link *l)
{
	if (!l->has_thread)
		return;
	eventfd_write(l->stop_fd, 1);
	pthread_join(l->thread, NULL);
	l->has_thread = false;
}

void vfio_link_close(struct vfio_link *l)
{
	if (!l)
		return;
	vfio_link_quiet(l);
	if (l->stop_fd >= 0)
		close(l->stop_fd);
	user_wire_exit(&l->wire);
	free(l->dma);
	pthread_mutex_destroy(&l->lock);
	free(l);
}
