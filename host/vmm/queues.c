/* SPDX-License-Identifier: MIT */
/* Making and ending devices with many queues. */
#include "vmm/queue_devices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/queues_impl.h"
#include "vmm/vm_map.h"

static const struct {
	const char *name;
	struct pci_ids ids;
} kinds[] = {
	[QUEUES_NET] = { "net",
			 { .vendor = ABI_QUEUES_VENDOR,
			   .device = ABI_QUEUES_DEVICE_NET,
			   .class_code = 0x020000 } },
	[QUEUES_BLK] = { "blk",
			 { .vendor = ABI_QUEUES_VENDOR,
			   .device = ABI_QUEUES_DEVICE_BLK,
			   .class_code = 0x010000 } },
};

unsigned int queues_list_total(const struct queues_list *list)
{
	unsigned int i, total = 0;

	for (i = 0; i < list->nr; i++)
		total += list->device[i].nr_queues;
	return total;
}

static void destroy(struct device *device)
{
	struct queues_device *d = queues_of(device);
	unsigned int i;

	queues_end_thread(d);
	pci_detach(&d->pci);
	pci_exit(&d->pci);
	for (i = 0; i < d->state.nr_queues; i++)
		if (d->queue[i].kick >= 0)
			close(d->queue[i].kick);
	memmap_region_fini(&d->notify.region);
	memmap_region_fini(&d->config.region);
	memmap_region_fini(&d->isr.region);
	memmap_region_fini(&d->common.region);
	memmap_region_fini(&d->bar);
	pthread_cond_destroy(&d->changed);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

static const struct device_ops ops = {
	.save = queues_save,
	.check = queues_check,
	.load = queues_load,
	.reset = queues_reset,
	.pause = queues_pause,
	.resume = queues_resume,
	.destroy = destroy,
	.fields = &queues_fields,
};

static int add_part(struct queues_device *d, struct io_region *io,
		    const char *name, uint64_t bytes, const struct io_ops *how,
		    uint64_t offset)
{
	int rc = io_region_init(io, name, bytes, how, d);

	return rc ? rc : memmap_add(&d->bar, &io->region, offset, 0);
}

static int make_bar(struct queues_device *d)
{
	unsigned int nr = d->state.nr_queues;
	int rc = memmap_region_init(&d->bar, d->name, MEMMAP_CONTAINER,
				    QUEUES_BAR_BYTES, d);

	if (!rc)
		rc = add_part(d, &d->common, "common",
			      sizeof(struct abi_queues_common),
			      &queues_common_ops, QUEUES_COMMON);
	if (!rc)
		rc = add_part(d, &d->isr, "isr", 1, &queues_isr_ops,
			      QUEUES_ISR);
	if (!rc)
		rc = add_part(d, &d->config, "config", 8, &queues_config_ops,
			      QUEUES_CONFIG);
	if (!rc)
		rc = add_part(d, &d->notify, "notify", nr * QUEUES_NOTIFY_STEP,
			      &queues_notify_ops, QUEUES_NOTIFY);
	if (!rc)
		rc = pci_add_bar(&d->pci, QUEUES_BAR, PCI_BAR_64, true,
				 &d->bar);
	return rc;
}

static int add_capability(struct queues_device *d, uint8_t type,
			  uint32_t offset, uint32_t length)
{
	const struct abi_queues_cap cap = {
		.id = 0x09,
		.bytes = type == ABI_QUEUES_CAP_NOTIFY ? 20 : 16,
		.type = type,
		.bar = QUEUES_BAR,
		.offset = offset,
		.length = length,
		.multiplier = QUEUES_NOTIFY_STEP,
	};
	int rc = pci_add_capability(&d->pci, &cap, cap.bytes);

	return rc < 0 ? rc : 0;
}

static int make_capabilities(struct queues_device *d)
{
	unsigned int nr = d->state.nr_queues;
	int rc = add_capability(d, ABI_QUEUES_CAP_COMMON, QUEUES_COMMON,
				sizeof(struct abi_queues_common));

	if (!rc)
		rc = add_capability(d, ABI_QUEUES_CAP_NOTIFY, QUEUES_NOTIFY,
				    nr * QUEUES_NOTIFY_STEP);
	if (!rc)
		rc = add_capability(d, ABI_QUEUES_CAP_ISR, QUEUES_ISR, 1);
	if (!rc)
		rc = add_capability(d, ABI_QUEUES_CAP_DEVICE, QUEUES_CONFIG, 8);
	/* Vector 0 is the configuration's. */
	return rc ? rc
		  : pci_add_msix(&d->pci, QUEUES_BAR, nr + 1, QUEUES_TABLE,
				 QUEUES_PBA);
}

static int make_kicks(struct queues_device *d)
{
	unsigned int i;

	for (i = 0; i < d->state.nr_queues; i++) {
		d->queue[i].kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (d->queue[i].kick < 0)
			return -errno;
	}
	return 0;
}

static struct queues_device *alloc_device(struct vm *vm, enum queues_kind kind,
					  unsigned int number,
					  unsigned int nr_queues)
{
	struct queues_device *d = calloc(1, sizeof(*d));
	unsigned int i;

	if (!d)
		return NULL;
	snprintf(d->name, sizeof(d->name), "%s%u", kinds[kind].name, number);
	d->device = (struct device){ .name = d->name, .ops = &ops };
	d->vm = vm;
	d->state.kind = (uint8_t)kind;
	d->state.nr_queues = (uint16_t)nr_queues;
	d->epoll_fd = d->wake_fd = -1;
	d->find_tallies.run = queues_find_tallies;
	d->find_tallies.ctx = d;
	for (i = 0; i < nr_queues; i++)
		d->queue[i].kick = -1;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->changed, NULL);
	pci_init(&d->pci, d->name, &kinds[kind].ids);
	queues_clear(d);
	return d;
}

static int add_one(struct vm *vm, enum queues_kind kind, unsigned int number,
		   unsigned int nr_queues)
{
	struct queues_device *d = alloc_device(vm, kind, number, nr_queues);
	int rc = d ? make_kicks(d) : -ENOMEM;

	if (!d)
		return rc;
	if (!rc)
		rc = make_bar(d);
	if (!rc)
		rc = make_capabilities(d);
	if (!rc)
		rc = pci_attach(vm_pci(vm), &d->pci, PCI_DEVFN_ANY);
	if (!rc)
		rc = queues_start_thread(d);
	if (!rc)
		rc = vm_add_device(vm, &d->device);
	if (rc)
		destroy(&d->device);
	return rc;
}

int queues_add(struct vm *vm, const struct queues_list *list)
{
	unsigned int number[2] = { 0 }, i;
	int rc = 0;

	for (i = 0; !rc && i < list->nr; i++) {
		uint8_t kind = list->device[i].kind;

		rc = add_one(vm, (enum queues_kind)kind, number[kind]++,
			     list->device[i].nr_queues);
	}
	return rc;
}

int queues_start(struct device *device, uint64_t tally_gpa)
{
	struct queues_device *d = queues_of(device);
	struct pci_state s;
	unsigned int i;
	int rc, update;

	pci_get_state(&d->pci, &s);
	s.command = 6; /* memory, bus master */
	s.msix_control = 0x8000;
	for (i = 0; i < s.nr_vectors; i++)
		s.msix[i] = (struct pci_msix_entry){
			.addr_low = 0xfee00000,
			.data = 0x40 + i % 0x80,
		};
	pthread_mutex_lock(&d->lock);
	for (i = 0; i < d->state.nr_queues; i++) {
		struct queue_registers *q = &d->state.queue[i];

		q->device = tally_gpa + i * sizeof(struct abi_queue_tally);
		q->vector = (uint16_t)(i + 1);
		q->enabled = 1;
	}
	d->state.status = ABI_QUEUES_STATUS_DRIVER_OK;
	pthread_mutex_unlock(&d->lock);
	rc = pci_set_state(&d->pci, &s);
	update = queues_update(d);
	return rc ? rc : update;
}
