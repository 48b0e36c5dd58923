/* SPDX-License-Identifier: MIT */
/* A machine to migrate that is an array. */
#include "fake_vm.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bitmap.h"
#include "base/buf.h"
#include "base/error.h"

uint64_t fake_random(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15ull;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static uint64_t nr_pages(const struct fake_vm *vm, unsigned int i)
{
	return vm->region[i].bytes / FAKE_PAGE;
}

void fake_vm_init(struct fake_vm *vm, const unsigned int *pages,
		  unsigned int nr_regions)
{
	uint64_t gpa = 0;
	unsigned int i;

	memset(vm, 0, sizeof(*vm));
	pthread_mutex_init(&vm->lock, NULL);
	vm->nr_regions = nr_regions;
	for (i = 0; i < nr_regions; i++) {
		size_t bytes = pages[i] * (size_t)FAKE_PAGE;
		uint8_t *at = mmap(NULL, bytes + 2 * FAKE_PAGE, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		assert(at != MAP_FAILED);
		mprotect(at + FAKE_PAGE, bytes, PROT_READ | PROT_WRITE);
		vm->region[i] =
			(struct migrate_region){ gpa, bytes, at + FAKE_PAGE };
		/* Some neighbours touch, others don't. */
		gpa += bytes + (i % 2 ? 16 * FAKE_PAGE : 0);
		vm->log[i] = calloc(BITMAP_WORDS(pages[i]), 8);
		assert(vm->log[i]);
	}
}

void fake_vm_exit(struct fake_vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->nr_regions; i++) {
		munmap(vm->region[i].hva - FAKE_PAGE,
		       vm->region[i].bytes + 2 * FAKE_PAGE);
		free(vm->log[i]);
	}
	free(vm->device);
	pthread_mutex_destroy(&vm->lock);
}

static void fill_page(uint8_t *page, uint64_t random, bool dull)
{
	uint64_t i, word = 0;

	if (random % 4 == 0) {
		memset(page, 0, FAKE_PAGE);
		/* Nearly zero: the compare must see the last byte, too. */
		if (random % 8 == 0)
			page[(random >> 8) % 2 ? FAKE_PAGE - 1 : 0] = 1;
		return;
	}
	for (i = 0; i < FAKE_PAGE; i += 8) {
		if (!dull || i % 64 == 0)
			word = fake_random(&random);
		memcpy(page + i, &word, 8);
	}
}

void fake_vm_fill(struct fake_vm *vm, uint64_t seed)
{
	unsigned int i;
	uint64_t page;

	vm->seed = seed;
	for (i = 0; i < vm->nr_regions; i++)
		for (page = 0; page < nr_pages(vm, i); page++)
			fill_page(vm->region[i].hva + page * FAKE_PAGE,
				  fake_random(&seed), vm->dull);
	for (i = 0; i < sizeof(vm->state); i++)
		vm->state[i] = (uint8_t)fake_random(&seed);
	vm->state_bytes = sizeof(vm->state);
	vm->running = true;
}

/* Lock held. */
static void write_locked(struct fake_vm *vm, uint64_t random)
{
	unsigned int i = (random >> 8) % vm->nr_regions;
	uint64_t page = (random >> 16) % nr_pages(vm, i);

	if (!vm->running)
		return;
	if (vm->logging)
		bitmap_set(vm->log[i], page);
	fill_page(vm->region[i].hva + page * FAKE_PAGE, random, vm->dull);
}

void fake_vm_write(struct fake_vm *vm, uint64_t random)
{
	pthread_mutex_lock(&vm->lock);
	write_locked(vm, random);
	pthread_mutex_unlock(&vm->lock);
}

/* Lock held: the guest gets its turn wherever the engine touches the log. */
static void guest_turn(struct fake_vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->writes_per_touch && vm->writes_left; i++) {
		write_locked(vm, fake_random(&vm->seed));
		vm->writes_left--;
	}
}

int fake_vm_fails(struct fake_vm *vm, enum fake_fault op)
{
	if (vm->fault != op)
		return 0;
	vm->fault = FAKE_NONE;
	return -EIO;
}

bool fake_vm_equal(const struct fake_vm *a, const struct fake_vm *b)
{
	return !fake_vm_differences(a, b) && a->state_bytes == b->state_bytes &&
	       !memcmp(a->state, b->state, a->state_bytes) &&
	       fake_devices_equal(a, b);
}

uint64_t fake_vm_bytes(const struct fake_vm *vm)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < vm->nr_regions; i++)
		sum += vm->region[i].bytes;
	return sum;
}

unsigned int fake_vm_differences(const struct fake_vm *a,
				 const struct fake_vm *b)
{
	unsigned int i, nr = 0;
	uint64_t page;

	for (i = 0; i < a->nr_regions; i++)
		for (page = 0; page < nr_pages(a, i); page++)
			nr += !!memcmp(a->region[i].hva + page * FAKE_PAGE,
				       b->region[i].hva + page * FAKE_PAGE,
				       FAKE_PAGE);
	return nr;
}

static unsigned int op_nr_regions(void *ctx)
{
	return ((struct fake_vm *)ctx)->nr_regions;
}

static void op_region(void *ctx, unsigned int index,
		      struct migrate_region *ret_region)
{
	*ret_region = ((struct fake_vm *)ctx)->region[index];
}

static int op_log_start(void *ctx)
{
	struct fake_vm *vm = ctx;
	unsigned int i;
	int rc = fake_vm_fails(vm, FAKE_LOG_START);

	if (rc)
		return rc;
	pthread_mutex_lock(&vm->lock);
	vm->logging = true;
	for (i = 0; i < vm->nr_regions; i++)
		bitmap_set_range(vm->log[i], 0, nr_pages(vm, i));
	pthread_mutex_unlock(&vm->lock);
	return 0;
}

static int op_log_stop(void *ctx)
{
	struct fake_vm *vm = ctx;

	pthread_mutex_lock(&vm->lock);
	assert(vm->logging);
	vm->logging = false;
	pthread_mutex_unlock(&vm->lock);
	return 0;
}

static int op_fetch(void *ctx, unsigned int index, uint64_t *bitmap,
		    size_t bytes)
{
	struct fake_vm *vm = ctx;
	size_t i;
	int rc = fake_vm_fails(vm, FAKE_FETCH);

	if (rc)
		return rc;
	assert(bytes == BITMAP_BYTES(nr_pages(vm, index)));
	pthread_mutex_lock(&vm->lock);
	guest_turn(vm);
	for (i = 0; i < bytes / 8; i++)
		bitmap[i] |= vm->log[index][i];
	guest_turn(vm);
	pthread_mutex_unlock(&vm->lock);
	return 0;
}

static int op_clear(void *ctx, unsigned int index, uint64_t first, uint64_t nr,
		    const uint64_t *bitmap)
{
	struct fake_vm *vm = ctx;
	uint64_t i, end = first + nr;
	int rc = fake_vm_fails(vm, FAKE_CLEAR);

	if (rc)
		return rc;
	assert(first % 64 == 0 && end <= nr_pages(vm, index));
	assert(nr % 64 == 0 || end == nr_pages(vm, index));
	pthread_mutex_lock(&vm->lock);
	guest_turn(vm);
	for (i = first; i < end; i++)
		if (bitmap_test(bitmap, i))
			bitmap_clear(vm->log[index], i);
	guest_turn(vm);
	pthread_mutex_unlock(&vm->lock);
	return 0;
}

static int op_pause(void *ctx)
{
	struct fake_vm *vm = ctx;
	int rc = fake_vm_fails(vm, FAKE_PAUSE);

	vm->nr_pauses++; /* a failed one is undone, too */
	if (rc)
		return rc;
	pthread_mutex_lock(&vm->lock);
	assert(vm->running);
	guest_turn(vm);
	vm->running = false;
	pthread_mutex_unlock(&vm->lock);
	return 0;
}

static int op_resume(void *ctx)
{
	struct fake_vm *vm = ctx;
	int rc = vm->stays_down ? -EIO : fake_vm_fails(vm, FAKE_RESUME);

	if (rc)
		return rc;
	pthread_mutex_lock(&vm->lock);
	vm->running = true;
	vm->nr_resumes++;
	pthread_mutex_unlock(&vm->lock);
	return 0;
}

static int op_announce(void *ctx, struct buf *state)
{
	struct fake_vm *vm = ctx;
	int rc = fake_vm_fails(vm, FAKE_ANNOUNCE);

	assert(vm->nr_pauses == 0);
	return rc ? rc : buf_append(state, vm->state, vm->state_bytes);
}

static int op_prepare(void *ctx, const uint8_t *state, size_t bytes)
{
	struct fake_vm *vm = ctx;
	int rc = fake_vm_fails(vm, FAKE_PREPARE);

	assert(!vm->running && !vm->loaded);
	vm->prepared = !rc;
	return rc;
}

static int op_save(void *ctx, struct buf *state)
{
	struct fake_vm *vm = ctx;
	int rc = fake_vm_fails(vm, FAKE_SAVE);

	assert(!vm->running);
	return rc ? rc : buf_append(state, vm->state, vm->state_bytes);
}

static int op_load(void *ctx, const uint8_t *state, size_t bytes)
{
	struct fake_vm *vm = ctx;
	int rc = fake_vm_fails(vm, FAKE_LOAD);

	assert(!vm->running);
	if (rc || bytes > sizeof(vm->state))
		return rc ? rc : -EINVAL;
	if (bytes)
		memcpy(vm->state, state, bytes);
	vm->state_bytes = bytes;
	vm->loaded = true;
	return 0;
}

static int op_reached(void *ctx, unsigned int index, uint64_t end_page,
		      struct error *err)
{
	struct fake_vm *vm = ctx;
	int rc = fake_vm_fails(vm, FAKE_REACHED);

	if (rc)
		return error_set(err, rc, "its memory could not be had");
	pthread_mutex_lock(&vm->lock);
	vm->went_back = vm->went_back || end_page <= vm->reached[index];
	vm->reached[index] = end_page;
	vm->nr_reached++;
	pthread_mutex_unlock(&vm->lock);
	return 0;
}

const struct migrate_vm_ops fake_vm_ops = {
	.nr_regions = op_nr_regions,
	.region = op_region,
	.log_start = op_log_start,
	.log_stop = op_log_stop,
	.fetch_dirty = op_fetch,
	.clear_dirty = op_clear,
	.pause = op_pause,
	.resume = op_resume,
	.announce = op_announce,
	.prepare = op_prepare,
	.save_state = op_save,
	.load_state = op_load,
	.reached = op_reached,
	.devices = &fake_device_ops,
};
