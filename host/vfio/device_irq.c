/* SPDX-License-Identifier: MIT */
/* Interrupts: MSI-X by event descriptors, nothing else. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vfio/device_priv.h"
#include "vfio/device_server.h"
#include "vfio/uapi.h"

static uint32_t nr_vectors(uint32_t index)
{
	return index == VFIO_PCI_MSIX_IRQ_INDEX ? ABI_DMA_NR_VECTORS : 0;
}

int device_handle_irq_info(struct vfio_device *d, struct user_message *m,
			   struct device_reply *r)
{
	struct vfio_irq_info info;

	memcpy(&info, m->payload, sizeof(info));
	if (info.argsz < sizeof(info) || info.index >= DEVICE_NR_IRQS)
		return -EINVAL;
	info.argsz = sizeof(info);
	info.count = nr_vectors(info.index);
	info.flags =
		info.count ? VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE : 0;
	device_reply_put(r, &info, sizeof(info));
	return 0;
}

static void set_fd(struct vfio_device *d, uint32_t vector, int fd)
{
	if (d->irq_fd[vector] >= 0)
		close(d->irq_fd[vector]);
	d->irq_fd[vector] = fd;
	if (fd < 0 || !(d->core.pci.pending >> vector & 1))
		return;
	d->core.pci.pending &= ~(1ull << vector);
	device_raise(d, vector);
}

/* Anything else might have us wait when it is written to. */
static bool is_eventfd(int fd)
{
	char path[32], link[32] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, link, sizeof(link) - 1) < 0 ||
	       !strcmp(link, "anon_inode:[eventfd]");
}

static int set_fds(struct vfio_device *d, const struct user_irq_set *set,
		   struct user_message *m)
{
	uint32_t i;

	for (i = 0; i < m->nr_fds; i++)
		if (!is_eventfd(m->fds[i]))
			return -EINVAL;

	/* None at all takes back those that were set. */
	if (m->nr_fds && m->nr_fds != set->count)
		return -EINVAL;
	for (i = 0; i < set->count; i++)
		set_fd(d, set->start + i, user_message_take_fd(m, i));
	return 0;
}

static int check_set(const struct user_irq_set *set,
		     const struct user_message *m)
{
	const uint32_t data = set->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
	const uint32_t action = set->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;
	size_t behind = m->payload_bytes - sizeof(*set);

	/* One bit of each. */
	if ((set->flags & ~(data | action)) || !data || (data & (data - 1)) ||
	    !action || (action & (action - 1)))
		return -EINVAL;
	if (set->index >= DEVICE_NR_IRQS ||
	    set->start > nr_vectors(set->index) ||
	    set->count > nr_vectors(set->index) - set->start)
		return -EINVAL;
	if (behind != (data == VFIO_IRQ_SET_DATA_BOOL ? set->count : 0) ||
	    set->argsz < m->payload_bytes)
		return -EINVAL;
	if (m->nr_fds && data != VFIO_IRQ_SET_DATA_EVENTFD)
		return -EINVAL;
	return action == VFIO_IRQ_SET_ACTION_TRIGGER ? 0 : -ENOTTY;
}

int device_handle_set_irqs(struct vfio_device *d, struct user_message *m,
			   struct device_reply *r)
{
	const uint8_t *bools =
		(const uint8_t *)m->payload + sizeof(struct user_irq_set);
	struct user_irq_set set;
	uint32_t i;
	int rc;

	memcpy(&set, m->payload, sizeof(set));
	rc = check_set(&set, m);
	if (rc)
		return rc;
	if (set.flags & VFIO_IRQ_SET_DATA_EVENTFD)
		return set_fds(d, &set, m);
	/* Nothing of nothing: all off. */
	if (!set.count && !set.start && (set.flags & VFIO_IRQ_SET_DATA_NONE))
		for (i = 0; i < nr_vectors(set.index); i++)
			set_fd(d, i, -1);
	for (i = 0; i < set.count; i++)
		if ((set.flags & VFIO_IRQ_SET_DATA_NONE) || bools[i])
			device_raise(d, set.start + i);
	return 0;
}
