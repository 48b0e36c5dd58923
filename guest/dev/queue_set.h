/* SPDX-License-Identifier: MIT */
/*
 * All queues of all devices that have many (queue_device.h): numbered through,
 * each with its tally, a vCPU and a vector.
 *
 * Context: the first vCPU, ring 0.
 */
#ifndef VMFERRY_GUEST_QUEUE_SET_H
#define VMFERRY_GUEST_QUEUE_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "dev/queue_device.h"
#include "lib/waves.h"

#define QUEUE_SET_MAX (ABI_QUEUES_MAX * ABI_QUEUES_MAX_DEVICES)

struct queue {
	uint64_t notify; /* gpa */
	uint32_t kicks; /* so many must be in its tally */
	uint16_t device, index; /* its number in the device */
};

struct queue_set {
	bool open;
	uint32_t nr_devices, nr, nr_waves;
	struct waves waves;
	struct queue_device device[ABI_QUEUES_MAX_DEVICES];
	struct queue queue[QUEUE_SET_MAX];
	struct abi_queue_tally tally[QUEUE_SET_MAX]
		__attribute__((aligned(16)));
};

extern struct queue_set queue_set;

/* Find and set up all devices; only the first call does. Return: false after
 * an error reply. */
bool queue_set_open(void);

/* May the queues of that wave interrupt? */
void queue_set_mask(uint32_t wave, bool masked);

/* Queues of a wave, unless it is the last one; the first is @wave times that. */
uint32_t queue_set_per_wave(void);

#endif
