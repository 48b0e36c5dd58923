/* SPDX-License-Identifier: MIT */
/* What a vfio-user device says when nobody has asked it anything. */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "machine/vfio_user_impl.h"

/* A call that waits for its reply has it: then there is nothing left here, but
 * the time that we waited for the call. */
static void *listen_on(void *arg)
{
	struct vfio_dev *d = arg;
	struct pollfd p[2] = {
		{ .fd = vfio_client_fd(d->client), .events = POLLIN },
		{ .fd = d->stop_fd, .events = POLLIN },
	};

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (p[1].revents)
			return NULL;
		if (p[0].revents && vfio_client_serve(d->client)) {
			d->lost(d, vfio_client_why(d->client));
			return NULL;
		}
	}
}

int vfio_listen(struct vfio_dev *d,
		void (*lost)(struct vfio_dev *d, const char *sentence))
{
	int rc;

	d->lost = lost;
	d->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (d->stop_fd < 0)
		return -errno;
	rc = -pthread_create(&d->thread, NULL, listen_on, d);
	d->has_thread = !rc;
	if (!rc)
		pthread_setname_np(d->thread, "vfio-user");
	return rc;
}

void vfio_listen_end(struct vfio_dev *d)
{
	if (d->has_thread) {
		eventfd_write(d->stop_fd, 1);
		pthread_join(d->thread, NULL);
	}
	d->has_thread = false;
	if (d->stop_fd >= 0)
		close(d->stop_fd);
	d->stop_fd = -1;
}
