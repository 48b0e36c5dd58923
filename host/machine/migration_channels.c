/* SPDX-License-Identifier: MIT */
/* What the engine's thread migrates over: sockets, or a file. */
#include "machine/state.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"

/* A target that is there accepts at once; one behind a lossy link soon. */
#define CONNECT_MS 30000u
/* The source connects all channels in a row, as soon as it is accepted. */
#define CHANNELS_NS (10 * NSEC_PER_SEC)

static int no_channel_for(mode_t mode, struct error *err)
{
	return error_set(err, -EINVAL,
			 "the descriptor is %s: a migration takes a connected "
			 "socket or a regular file",
			 S_ISFIFO(mode) ? "a pipe" : "neither socket nor file");
}

/* Takes over @fd on success. */
static int from_fd(int fd, bool out, struct channel **ret_channel,
		   struct error *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISSOCK(st.st_mode))
		return channel_from_fd(fd, ret_channel);
	if (S_ISREG(st.st_mode))
		return channel_from_file(fd, out, ret_channel);
	return no_channel_for(st.st_mode, err);
}

/* Keeps @fd where a cancel finds it until the channel has it. */
static int connect_first(struct machine *m, struct error *err)
{
	struct migration *g = &m->migration;
	struct channel *channel;
	int rc = 0, fd = g->fd;

	if (fd < 0)
		rc = address_dial(g->address, g->cancel_fd, CONNECT_MS, &fd,
				  err);
	if (rc)
		return rc;
	/* A cancel looks at both. */
	pthread_mutex_lock(&m->lock);
	g->fd = fd;
	rc = from_fd(fd, g->outgoing, &channel, err);
	if (!rc) {
		g->fd = -1;
		g->channel = channel;
	}
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int open_file(struct machine *m, const char *path, struct error *err)
{
	struct migration *g = &m->migration;
	struct channel *channel;
	int rc = channel_open_file(path, g->outgoing, &channel, err);

	if (rc)
		return rc;
	pthread_mutex_lock(&m->lock);
	g->channel = channel;
	pthread_mutex_unlock(&m->lock);
	return 0;
}

int migration_open_channel(struct machine *m)
{
	const char *address = m->migration.address;
	struct error err = { "" };
	int rc;

	if (m->migration.fd < 0 && !strncmp(address, "file:", 5))
		rc = open_file(m, address + 5, &err);
	else
		rc = connect_first(m, &err);
	if (rc != -ECANCELED)
		migration_blame(m, &err);
	return rc;
}

static int wrap(int fd, struct channel **ret_channel)
{
	int rc = channel_from_fd(fd, ret_channel);

	if (rc)
		close(fd);
	return rc;
}

static int open_another(void *ctx, uint64_t timeout_ns,
			struct channel **ret_channel, struct error *err)
{
	struct migration *g = &((struct machine *)ctx)->migration;
	int fd, rc;

	rc = address_dial(g->address, g->cancel_fd, CONNECT_MS, &fd, err);
	return rc ? rc : wrap(fd, ret_channel);
}

static int accept_another(void *ctx, uint64_t timeout_ns,
			  struct channel **ret_channel, struct error *err)
{
	struct migration *g = &((struct machine *)ctx)->migration;
	uint64_t end_ns = clock_now_ns() + timeout_ns, now_ns;
	struct pollfd pfd[] = {
		{ .fd = g->listen_fd, .events = POLLIN },
		{ .fd = g->cancel_fd, .events = POLLIN },
	};
	int fd, rc;

	for (;;) {
		now_ns = clock_now_ns();
		if (now_ns >= end_ns)
			return -ETIMEDOUT;
		rc = poll(pfd, 2, 1 + (int)((end_ns - now_ns) / NSEC_PER_MSEC));
		if (rc < 0 && errno != EINTR)
			return -errno;
		if (pfd[1].revents && rc > 0)
			return -ECANCELED;
		if (rc <= 0)
			continue;
		/* It may have left again meanwhile. */
		rc = address_accept(g->listen_fd, 0, &fd, err);
		if (!rc)
			return wrap(fd, ret_channel);
		if (rc != -ETIMEDOUT && rc != -EAGAIN && rc != -ECONNABORTED)
			return rc;
	}
}

struct migrate_channels migration_channels(struct machine *m)
{
	struct migration *g = &m->migration;
	struct migrate_channels channels = {
		.nr = 1,
		.timeout_ns = CHANNELS_NS,
		.open = g->outgoing ? open_another : accept_another,
		.ctx = m,
	};

	if (g->outgoing && g->several)
		channels.nr = g->nr_channels;
	if (!g->outgoing && g->listen_fd >= 0)
		channels.nr = MIGRATE_MAX_CHANNELS;
	return channels;
}

void migration_stop_listening(struct machine *m)
{
	struct migration *g = &m->migration;

	pthread_mutex_lock(&m->lock);
	if (g->listen_fd >= 0) {
		close(g->listen_fd);
		address_unlink(g->address);
		g->listen_fd = -1;
	}
	pthread_mutex_unlock(&m->lock);
}
