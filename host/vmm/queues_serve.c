/* SPDX-License-Identifier: MIT */
/* The thread of a device with many queues: kicks become tallies and
 * interrupts. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/dirty.h"
#include "vmm/queues_impl.h"

/* Of epoll_event.data: the wake-up, else the number of a queue. */
#define WAKE UINT32_MAX

/*
 * @count kicks of queue @i. The tally first, then its mark in the dirty log:
 * a page that is sent in between is sent again. Context: lock held.
 */
static void serve(struct queues_device *d, unsigned int i, uint64_t count)
{
	struct queue_registers *q = &d->state.queue[i];
	struct abi_queue_tally *tally = d->queue[i].tally;

	if (!count || !q->enabled || !tally || !pci_is_master(&d->pci))
		return;
	q->kicks += count;
	__atomic_store_n(&tally->kicks, q->kicks, __ATOMIC_RELEASE);
	vm_mark_dirty(d->vm, q->device, sizeof(*tally));
	if (q->vector == ABI_QUEUES_NO_VECTOR)
		d->state.isr = 1;
	else
		pci_raise(&d->pci, q->vector);
}

static uint64_t take(int fd)
{
	uint64_t count = 0;

	if (read(fd, &count, sizeof(count)) != sizeof(count))
		return 0;
	return count;
}

/* What came while it was paused, or before it moved here. */
static void serve_waiting(struct queues_device *d)
{
	unsigned int i;

	for (i = 0; i < d->state.nr_queues; i++) {
		uint64_t count = d->state.queue[i].waiting;

		d->state.queue[i].waiting = 0;
		serve(d, i, count);
	}
}

static void serve_events(struct queues_device *d, const struct epoll_event *e,
			 int nr)
{
	for (; nr > 0; nr--, e++) {
		if (e->data.u32 == WAKE)
			take(d->wake_fd);
		else
			serve(d, e->data.u32, take(d->queue[e->data.u32].kick));
	}
}

/* Returns when it may run, or is to end. Context: lock held. */
static void park(struct queues_device *d)
{
	while (d->want == QUEUES_PAUSE) {
		d->parked = true;
		pthread_cond_broadcast(&d->changed);
		pthread_cond_wait(&d->changed, &d->lock);
	}
	d->parked = false;
	serve_waiting(d);
}

static void *thread_main(void *ctx)
{
	struct queues_device *d = ctx;
	struct epoll_event events[ABI_QUEUES_MAX];
	int nr;

	pthread_mutex_lock(&d->lock);
	while (d->want != QUEUES_QUIT) {
		if (d->want == QUEUES_PAUSE) {
			park(d);
			continue;
		}
		pthread_mutex_unlock(&d->lock);
		nr = epoll_wait(d->epoll_fd, events, ABI_QUEUES_MAX, -1);
		pthread_mutex_lock(&d->lock);
		/* Otherwise they stay where they are, and travel. */
		if (d->want == QUEUES_RUN)
			serve_events(d, events, nr);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

static int watch(struct queues_device *d, int fd, uint32_t what)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = what };

	return epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

int queues_start_thread(struct queues_device *d)
{
	unsigned int i;
	int rc;

	d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->epoll_fd < 0 || d->wake_fd < 0)
		return -errno;
	rc = watch(d, d->wake_fd, WAKE);
	for (i = 0; !rc && i < d->state.nr_queues; i++)
		rc = watch(d, d->queue[i].kick, i);
	if (!rc)
		rc = -pthread_create(&d->thread, NULL, thread_main, d);
	d->has_thread = !rc;
	return rc;
}

/* Context: lock held. */
static void want(struct queues_device *d, enum queues_want want)
{
	const uint64_t one = 1;

	d->want = want;
	pthread_cond_broadcast(&d->changed);
	/* It cannot be full: it is emptied each time. */
	if (write(d->wake_fd, &one, sizeof(one)) < 0)
		return;
}

void queues_end_thread(struct queues_device *d)
{
	if (d->has_thread) {
		pthread_mutex_lock(&d->lock);
		want(d, QUEUES_QUIT);
		pthread_mutex_unlock(&d->lock);
		pthread_join(d->thread, NULL);
	}
	if (d->epoll_fd >= 0)
		close(d->epoll_fd);
	if (d->wake_fd >= 0)
		close(d->wake_fd);
}

void queues_pause(struct device *device)
{
	struct queues_device *d = queues_of(device);
	unsigned int i;

	pthread_mutex_lock(&d->lock);
	want(d, QUEUES_PAUSE);
	while (!d->parked)
		pthread_cond_wait(&d->changed, &d->lock);
	for (i = 0; i < d->state.nr_queues; i++)
		d->state.queue[i].waiting += take(d->queue[i].kick);
	pthread_mutex_unlock(&d->lock);
}

void queues_resume(struct device *device)
{
	struct queues_device *d = queues_of(device);

	pthread_mutex_lock(&d->lock);
	want(d, QUEUES_RUN);
	pthread_mutex_unlock(&d->lock);
}
