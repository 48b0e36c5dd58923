/* SPDX-License-Identifier: MIT */
/*
 * Devices with many queues, "net" and "blk": what abi/queues.h describes, as a
 * machine's PCI devices.
 *
 * Each is served by a thread of its own. A kick rings the queue's eventfd; the
 * thread counts it into the queue's tally in guest memory and raises the
 * queue's vector. Paused, kicks that nobody has served yet are taken out of the
 * eventfds and move with the state: served once, on whichever side runs next.
 */
#ifndef VMFERRY_VMM_QUEUE_DEVICES_H
#define VMFERRY_VMM_QUEUE_DEVICES_H

#include <stdint.h>

#include "queues.h"
#include "vmm/device.h"

enum queues_kind { QUEUES_NET, QUEUES_BLK };

struct queues_list {
	unsigned int nr;
	struct {
		uint8_t kind; /* enum queues_kind */
		uint8_t nr_queues; /* 1..ABI_QUEUES_MAX */
	} device[ABI_QUEUES_MAX_DEVICES];
};

/* Of all devices together. */
unsigned int queues_list_total(const struct queues_list *list);

/**
 * queues_add() - give the machine the devices of a list, in its order.
 *
 * Named net0, net1, ... and blk0, ... Return: 0; -EMFILE: two descriptors a
 * queue are more than the process may have; or what the bus or the kernel said.
 * Those added before stay the machine's. Context: as vm_add_device().
 */
int queues_add(struct vm *vm, const struct queues_list *list);

/**
 * queues_start() - turn a device on, as its driver would have.
 * @tally_gpa: where its tallies lie, 16 bytes a queue.
 *
 * For measurements without a guest. Return: as device_ops.load().
 */
int queues_start(struct device *device, uint64_t tally_gpa);

#endif
