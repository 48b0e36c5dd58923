/* SPDX-License-Identifier: MIT */
/*
 * Driver of the devices with many queues. Source: OASIS, VIRTIO 1.2, 3.1.1
 * (initialisation) and 4.1.4.3 (common configuration), as far as abi/queues.h
 * takes them over.
 */
#include "dev/queue_device.h"

#include <stddef.h>

#include "x86/insn.h"

#define RESET_TURNS 1000u

/* Entry 0 of MSI-X is the configuration's. */
#define QUEUE_ENTRY(queue) ((queue) + 1)

static volatile struct abi_queues_common *
common_of(const struct queue_device *d)
{
	return (volatile struct abi_queues_common *)d->common;
}

static const char *find_parts(struct queue_device *d, struct pci_function *f)
{
	struct pci_config config = pci_config(f);
	struct pcicap_walk walk = { 0 };
	struct pcicap_vendor cap;
	uint32_t at;

	while ((at = pcicap_next(&config, &walk, PCI_CAP_VENDOR))) {
		if (!pcicap_vendor(&config, at, &cap))
			continue;
		if (cap.type == ABI_QUEUES_CAP_COMMON && !d->common)
			d->common = pci_at(f, &cap.place,
					   sizeof(struct abi_queues_common));
		if (cap.type == ABI_QUEUES_CAP_NOTIFY && !d->notify) {
			d->notify = pci_at(f, &cap.place, 2);
			d->notify_bytes = cap.place.length;
			d->multiplier = cap.multiplier;
		}
	}
	if (!d->common || d->common % 4)
		return "it has no common configuration";
	return d->notify && d->notify % 2 == 0 ? NULL : "it has no notify area";
}

static const char *reset(volatile struct abi_queues_common *c)
{
	uint32_t turns = RESET_TURNS;

	c->status = 0;
	while (c->status && --turns)
		pause();
	if (c->status)
		return "it does not reset";
	c->status = ABI_QUEUES_STATUS_ACKNOWLEDGE;
	c->status = ABI_QUEUES_STATUS_ACKNOWLEDGE | ABI_QUEUES_STATUS_DRIVER;
	c->driver_feature_select = 0;
	c->driver_feature = 0;
	c->driver_feature_select = 1;
	c->driver_feature = 0;
	c->status = c->status | ABI_QUEUES_STATUS_FEATURES_OK;
	return c->status & ABI_QUEUES_STATUS_FEATURES_OK
		       ? NULL
		       : "it does not take our features";
}

static const char *open(struct queue_device *d, struct pci_function *f)
{
	volatile struct abi_queues_common *c;
	const char *problem = pci_enable(f);

	if (!problem)
		problem = find_parts(d, f);
	if (!problem)
		problem = pci_msix_open(f);
	if (problem)
		return problem;
	d->table = f->table;
	c = common_of(d);
	problem = reset(c);
	d->nr_queues = c->num_queues;
	if (!problem && (!d->nr_queues || d->nr_queues > ABI_QUEUES_MAX))
		problem = "it has an odd number of queues";
	if (!problem && f->nr_vectors < QUEUE_ENTRY(d->nr_queues))
		problem = "it has fewer vectors than queues";
	return problem;
}

bool queue_device_find(uint32_t *devfn, struct queue_device *ret,
		       struct pci_function *ret_function,
		       const char **ret_problem)
{
	if (!pci_find(devfn, ABI_QUEUES_VENDOR, ABI_QUEUES_DEVICE_NET,
		      ABI_QUEUES_DEVICE_BLK, ret_function))
		return false;
	*ret = (struct queue_device){ .devfn = ret_function->devfn };
	*ret_problem = open(ret, ret_function);
	return true;
}

const char *queue_device_set(const struct queue_device *d,
			     const struct pci_function *f, uint32_t queue,
			     const struct queue_setup *setup,
			     uint64_t *ret_notify)
{
	volatile struct abi_queues_common *c = common_of(d);
	volatile uint32_t *tally = (volatile uint32_t *)&c->queue_device;
	uint64_t at;

	pci_msix_set(f, QUEUE_ENTRY(queue), setup->apic_id, setup->vector);
	c->queue_select = (uint16_t)queue;
	at = (uint64_t)c->queue_notify_off * d->multiplier;
	if (at > d->notify_bytes - 2 || at % 2)
		return "a notify address is out of its area";
	*ret_notify = d->notify + at;
	tally[0] = (uint32_t)setup->tally_gpa;
	tally[1] = (uint32_t)(setup->tally_gpa >> 32);
	c->queue_vector = (uint16_t)QUEUE_ENTRY(queue);
	if (c->queue_vector != QUEUE_ENTRY(queue))
		return "a queue does not take its vector";
	c->queue_enable = 1;
	queue_device_mask(d, queue, false);
	return NULL;
}

const char *queue_device_start(const struct queue_device *d,
			       struct pci_function *f)
{
	volatile struct abi_queues_common *c = common_of(d);

	pci_msix_start(f);
	c->status = c->status | ABI_QUEUES_STATUS_DRIVER_OK;
	return c->status & ABI_QUEUES_STATUS_DRIVER_OK ? NULL
						       : "it does not start";
}

void queue_device_mask(const struct queue_device *d, uint32_t queue,
		       bool masked)
{
	pci_msix_mask(d->table, QUEUE_ENTRY(queue), masked);
}
