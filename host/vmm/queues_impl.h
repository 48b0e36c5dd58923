/* SPDX-License-Identifier: MIT */
/* A device with many queues, as its files see it: queues.c (making and ending
 * it), queues_registers.c, queues_serve.c and queues_state.c. */
#ifndef VMFERRY_VMM_QUEUES_IMPL_H
#define VMFERRY_VMM_QUEUES_IMPL_H

#include <pthread.h>
#include <stdbool.h>

#include "vmm/fields.h"
#include "vmm/io.h"
#include "vmm/memmap.h"
#include "vmm/pci.h"
#include "vmm/queue_devices.h"

/* What the guest has set of a queue, and what became of its kicks. */
struct queue_registers {
	uint64_t desc, driver, device; /* gpas; the last is the tally's */
	uint64_t kicks; /* served since it was enabled */
	uint64_t waiting; /* kicked, not served; nobody's but while paused */
	uint16_t size, vector;
	uint8_t enabled;
};

/* All that moves with the device. */
struct queues_state {
	struct pci_state pci;
	uint8_t kind;
	uint16_t nr_queues;
	uint8_t status, isr;
	uint16_t config_vector, queue_select;
	uint32_t device_feature_select, driver_feature_select;
	uint64_t driver_feature;
	struct queue_registers queue[ABI_QUEUES_MAX];
};

struct queue {
	int kick; /* eventfd */
	bool rung; /* by its notify address: it is in the map */
	struct abi_queue_tally *tally; /* NULL: not in RAM */
};

enum queues_want { QUEUES_PAUSE, QUEUES_RUN, QUEUES_QUIT };

struct queues_device {
	struct device device;
	struct pci_device pci;
	struct vm *vm;
	char name[12];
	struct memmap_region bar;
	struct io_region common, isr, config, notify;
	struct memmap_work find_tallies;

	/* Behind a transaction of the map, never around one. */
	pthread_mutex_t lock;
	struct queues_state
		state; /* but for @pci, which is pci_get_state()'s */
	struct queue queue[ABI_QUEUES_MAX];

	pthread_cond_t changed; /* want, parked */
	enum queues_want want;
	bool parked;
	bool has_thread;
	pthread_t thread;
	int epoll_fd, wake_fd;
};

static inline struct queues_device *queues_of(struct device *device)
{
	return (struct queues_device *)device;
}

#define QUEUES_BAR 0u
#define QUEUES_BAR_BYTES 0x8000ull
#define QUEUES_COMMON 0x0000u
#define QUEUES_ISR 0x1000u
#define QUEUES_CONFIG 0x2000u
#define QUEUES_NOTIFY 0x3000u
#define QUEUES_NOTIFY_STEP 4u
#define QUEUES_TABLE 0x4000u
#define QUEUES_PBA 0x5000u

extern const struct io_ops queues_common_ops, queues_isr_ops, queues_config_ops,
	queues_notify_ops;

/* queues_registers.c. As after power on, PCI apart. Context: lock held. */
void queues_clear(struct queues_device *d);
/*
 * Has the notify addresses and the tallies be what the registers say. Each
 * change is a commit of its own, if no transaction is open. Context: lock not
 * held.
 */
int queues_update(struct queues_device *d);
/* With the map as it is after the commit; @device is ours. */
void queues_find_tallies(void *device);

/* queues_serve.c */
int queues_start_thread(struct queues_device *d);
void queues_end_thread(struct queues_device *d);
void queues_pause(struct device *device);
void queues_resume(struct device *device);

/* queues_state.c */
extern const struct fields queues_fields;
int queues_save(struct device *device, struct buf *state);
int queues_check(struct device *device, const uint8_t *state, size_t bytes,
		 struct error *err);
int queues_load(struct device *device, const uint8_t *state, size_t bytes,
		struct error *err);
int queues_reset(struct device *device);

#endif
