/* SPDX-License-Identifier: MIT */
/*
 * A device with queues and nothing behind them, for measuring loads: a BAR
 * with a notify address a queue, a vector a queue and one for configuration.
 */
#ifndef VMFERRY_MACHINE_BENCH_DEVICE_H
#define VMFERRY_MACHINE_BENCH_DEVICE_H

#include "base/error.h"
#include "vmm/device.h"
#include "vmm/vm.h"

/**
 * bench_device_add() - one more device for @vm.
 * @nr_queues: 1..64.
 *
 * Return: 0; -ENOSPC (too many); -EMFILE.
 */
int bench_device_add(struct vm *vm, unsigned int nr_queues);
/* As a driver does: memory and MSI-X on, every queue, every vector. */
int bench_device_start(struct device *device);

#endif
