/* SPDX-License-Identifier: MIT */
/* A device with many queues (abi/queues.h): found, set up, kicked. */
#ifndef VMFERRY_GUEST_QUEUE_DEVICE_H
#define VMFERRY_GUEST_QUEUE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "dev/pci.h"
#include "queues.h"

struct queue_device {
	uint32_t devfn;
	uint32_t nr_queues; /* 1..ABI_QUEUES_MAX */
	uint64_t common, notify, table; /* gpa */
	uint64_t notify_bytes;
	uint32_t multiplier;
};

/* How one queue is to be set up. */
struct queue_setup {
	uint32_t apic_id, vector;
	uint64_t tally_gpa;
};

/**
 * queue_device_find() - the next one on the bus, turned on and reset.
 * @devfn: as for pci_find().
 * @ret_problem: NULL, or what is wrong with it.
 *
 * Return: false if there is none left.
 */
bool queue_device_find(uint32_t *devfn, struct queue_device *ret,
		       struct pci_function *ret_function,
		       const char **ret_problem);

/**
 * queue_device_set() - set up and enable queue @queue.
 * @ret_notify: gpa to write its number to.
 *
 * Return: NULL, or what is wrong.
 */
const char *queue_device_set(const struct queue_device *d,
			     const struct pci_function *f, uint32_t queue,
			     const struct queue_setup *setup,
			     uint64_t *ret_notify);

/* All queues are set up: let it work. */
const char *queue_device_start(const struct queue_device *d,
			       struct pci_function *f);

/* May the queue's vector fire? */
void queue_device_mask(const struct queue_device *d, uint32_t queue,
		       bool masked);

#endif
