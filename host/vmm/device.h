/* SPDX-License-Identifier: MIT */
/*
 * A device of the machine, as the machine sees it: what is done to it when the
 * machine starts, stops, is saved and loaded.
 *
 * Its registers are in the memory map (io.h, pci.h). vm_add_device() hands it
 * to the machine; the order of adding is its index in the state.
 */
#ifndef VMFERRY_VMM_DEVICE_H
#define VMFERRY_VMM_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct vm;
struct device;
struct fields;

/* Any of them but save, load and reset may be NULL. */
struct device_ops {
	/**
	 * save() - append the state.
	 *
	 * Paused, or (for the configuration that is announced before the
	 * switchover) not: it must be whole all the same.
	 */
	int (*save)(struct device *device, struct buf *state);
	/* Could load() take it? Changes nothing; else as load(). */
	int (*check)(struct device *device, const uint8_t *state, size_t bytes,
		     struct error *err);
	/**
	 * load() - take a state.
	 * @state: hostile: looked at as a whole before anything changes.
	 *
	 * Touches the memory map and the interrupts only where the device
	 * differs from @state: a load of what is there already changes nothing.
	 * Opens no transaction around several changes: whether they are one or
	 * many commits is the caller's. Work that reads the new map goes
	 * through memmap_defer(). May be called again; runs nothing before
	 * resume().
	 *
	 * Return: 0; -EPROTO or -ENOTSUP with a sentence that names the field;
	 * or what the map said (half-loaded then).
	 */
	int (*load)(struct device *device, const uint8_t *state, size_t bytes,
		    struct error *err);
	/* As after power on: nothing mapped, no interrupt. */
	int (*reset)(struct device *device);
	/* On return no thread of its own touches guest memory or raises an
	 * interrupt; kicks wait in their eventfds. After the vCPUs stopped. */
	void (*pause)(struct device *device);
	/* Before the vCPUs start. Kicks that waited are served. */
	void (*resume)(struct device *device);
	/* Frees it. The machine's vCPUs have ended. */
	void (*destroy)(struct device *device);
	/* What save() writes: for who reads it without a device. */
	const struct fields *fields;
};

struct device {
	const char *name; /* "net0", for sentences; the device's own */
	const struct device_ops *ops;
	unsigned int index; /* set by vm_add_device() */
};

#define VM_MAX_DEVICES 64u

/**
 * vm_add_device() - give the machine a device.
 *
 * Taken over on success only. Context: paused, before anything is loaded.
 * Return: 0, -ENOSPC.
 */
int vm_add_device(struct vm *vm, struct device *device);
unsigned int vm_nr_devices(const struct vm *vm);
/* NULL: there is none. */
struct device *vm_device(const struct vm *vm, unsigned int index);

/*
 * Around the load of the devices' states: one transaction, or with
 * VM_COMMIT_EACH none. What the end returns is the map's or KVM's refusal.
 */
void vm_devices_begin(struct vm *vm);
int vm_devices_commit(struct vm *vm);
/**
 * vm_devices_announce() - append what they are like now.
 *
 * The machine may run. For another one's vm_devices_prepare(): the form is
 * {index, bytes, the device's state} for each, 32 bits the first two.
 * Return: 0 or a device's error.
 */
int vm_devices_announce(struct vm *vm, struct buf *state);
/**
 * vm_devices_prepare() - have them be so, before the real state comes.
 * @state: hostile.
 *
 * One commit. Return: 0; -EPROTO; a device's error (a later load may still
 * succeed), or the map's.
 */
int vm_devices_prepare(struct vm *vm, const uint8_t *state, size_t bytes,
		       struct error *err);
/* All of them, in order; the reset in one transaction. */
void vm_devices_pause(struct vm *vm);
void vm_devices_resume(struct vm *vm);
int vm_devices_reset(struct vm *vm);

#endif
