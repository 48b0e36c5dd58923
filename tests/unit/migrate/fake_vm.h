/* SPDX-License-Identifier: MIT */
/* A machine to migrate that is an array, with a dirty log like KVM's. */
#ifndef VMFERRY_TESTS_FAKE_VM_H
#define VMFERRY_TESTS_FAKE_VM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "migrate/vm_ops.h"

#define FAKE_PAGE 4096u

/* The operation that fails, once. */
enum fake_fault {
	FAKE_NONE,
	FAKE_LOG_START,
	FAKE_FETCH,
	FAKE_CLEAR,
	FAKE_PAUSE,
	FAKE_SAVE,
	FAKE_LOAD,
	FAKE_RESUME,
	FAKE_REACHED,
	FAKE_ANNOUNCE,
	FAKE_PREPARE,
	FAKE_LEFT,
	FAKE_READ,
	FAKE_WRITE,
	FAKE_FINISH,
};

#define FAKE_DEVICES 3u

/* Its data: a string of bytes, some of it for before the pause. */
struct fake_device {
	uint8_t data[3u << 20];
	size_t bytes; /* in all; target: so far */
	size_t early_bytes; /* can be read while the machine runs */
	size_t must_bytes; /* of these, before it may stop */
	size_t step_bytes; /* early ones come in such steps; 0 = as they are */
	size_t at; /* read so far */
	bool guesses_none; /* of what is to be read after the pause */
	bool finished;
};

struct fake_vm {
	unsigned int nr_regions;
	struct migrate_region region[MIGRATE_MAX_REGIONS];
	uint64_t *log[MIGRATE_MAX_REGIONS]; /* dirty, not cleared */
	pthread_mutex_t lock; /* of the log, and of each guest write */
	bool logging;
	atomic_bool running;
	int nr_resumes;
	int nr_pauses;
	enum fake_fault fault;
	bool stays_down; /* every resume fails */
	/* The guest's program: so many writes at each touch of the log. */
	uint64_t seed;
	unsigned int writes_per_touch;
	unsigned int writes_left;
	bool dull; /* pages that compress: each word eight times over */
	uint8_t state[3000];
	size_t state_bytes;
	bool loaded;
	bool prepared;
	/* Target, by lock: pages that the stream was said to have reached. */
	uint64_t reached[MIGRATE_MAX_REGIONS];
	unsigned int nr_reached;
	bool went_back;
	unsigned int nr_devices;
	struct fake_device
		*device; /* of FAKE_DEVICES; with the first of them */
};

extern const struct migrate_vm_ops fake_vm_ops;

/* Regions of @pages[i] pages, a hole between them, guarded on both sides. */
void fake_vm_init(struct fake_vm *vm, const unsigned int *pages,
		  unsigned int nr_regions);
void fake_vm_exit(struct fake_vm *vm);
/* Random pages, some of them zero, and a random state; the machine runs. */
void fake_vm_fill(struct fake_vm *vm, uint64_t seed);
/* @early, @late: bytes of its data for before and after the pause. */
void fake_vm_add_device(struct fake_vm *vm, size_t early, size_t late);
/* One write by the guest, if it runs: to a random page, sometimes zeros. */
void fake_vm_write(struct fake_vm *vm, uint64_t random);
bool fake_vm_equal(const struct fake_vm *a, const struct fake_vm *b);
uint64_t fake_vm_bytes(const struct fake_vm *vm);
/* Pages that differ. */
unsigned int fake_vm_differences(const struct fake_vm *a,
				 const struct fake_vm *b);

uint64_t fake_random(uint64_t *state);

/* For the files of the machine itself. */
extern const struct migrate_device_ops fake_device_ops;
int fake_vm_fails(struct fake_vm *vm, enum fake_fault op);
bool fake_devices_equal(const struct fake_vm *a, const struct fake_vm *b);

#endif
