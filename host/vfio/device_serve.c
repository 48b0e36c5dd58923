/* SPDX-License-Identifier: MIT */
/* The device waiting for clients. */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>

#include "vfio/device.h"

/* 1 = stop, 0 = there is somebody, or -errno. */
static int wait_for_client(int listen_fd, int stop_fd)
{
	struct pollfd p[2] = { { .fd = listen_fd, .events = POLLIN },
			       { .fd = stop_fd, .events = POLLIN } };

	while (poll(p, 2, -1) < 0)
		if (errno != EINTR)
			return -errno;
	return p[1].revents ? 1 : 0;
}

/* Errors of the client that was about to come, and of a moment. */
static bool is_passing(int err)
{
	return err == ECONNABORTED || err == EINTR || err == EAGAIN ||
	       err == EMFILE || err == ENFILE || err == ENOBUFS ||
	       err == ENOMEM;
}

int vfio_device_serve(struct vfio_device *d, int listen_fd, int stop_fd,
		      void (*log)(void *ctx, const char *text), void *ctx)
{
	int rc, fd;

	for (;;) {
		struct error err = { "" };

		rc = wait_for_client(listen_fd, stop_fd);
		if (rc)
			return rc < 0 ? rc : 0;
		fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0 && !is_passing(errno))
			return -errno;
		if (fd < 0)
			continue;
		rc = vfio_device_serve_one(d, fd, stop_fd, &err);
		if (!rc)
			return 0;
		if (log && rc != -ENODATA)
			log(ctx, err.text);
	}
}
