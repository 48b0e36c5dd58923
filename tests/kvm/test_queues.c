/* SPDX-License-Identifier: MIT */
/* Devices with many queues: kicks are served once, on whichever side runs, and
 * no register that a guest writes does harm. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bitmap.h"
#include "base/clock.h"
#include "machine.h"
#include "unit/random.h"
#include "vmm/dirty.h"
#include "vmm/io.h"
#include "vmm/queues_impl.h"

#define NR_QUEUES 5u
#define TALLY_GPA 0x200000ull
#define RAM (16ull << 20)

static struct queues_device *device_of(struct machine *m)
{
	return queues_of(vm_device(m->vm, 0));
}

static struct machine *make(void)
{
	const struct queues_list one = { 1, { { QUEUES_BLK, NR_QUEUES } } };
	struct machine *m = machine_new(1, RAM);

	assert_int_equal(queues_add(m->vm, &one), 0);
	return m;
}

static void kick(struct machine *m, unsigned int queue, uint64_t times)
{
	assert_int_equal(
		write(device_of(m)->queue[queue].kick, &times, sizeof(times)),
		sizeof(times));
}

static uint64_t tally(struct machine *m, unsigned int queue)
{
	const struct abi_queue_tally *t = guestmem_at(
		vm_memory(m->vm), TALLY_GPA, NR_QUEUES * sizeof(*t));

	return __atomic_load_n(&t[queue].kicks, __ATOMIC_ACQUIRE);
}

static void await_tally(struct machine *m, unsigned int queue, uint64_t value)
{
	uint64_t end_ns = clock_now_ns() + 5 * NSEC_PER_SEC;

	while (tally(m, queue) != value && clock_now_ns() < end_ns)
		clock_sleep_until_ns(clock_now_ns() + NSEC_PER_MSEC);
	assert_int_equal(tally(m, queue), value);
}

static bool is_dirty(struct machine *m, uint64_t gpa)
{
	static uint64_t bitmap[BITMAP_WORDS(RAM >> 12)];

	memset(bitmap, 0, sizeof(bitmap));
	assert_int_equal(vm_fetch_dirty(m->vm, 0, bitmap, sizeof(bitmap)), 0);
	return bitmap_test(bitmap, gpa >> 12);
}

static void clear_dirty(struct machine *m)
{
	static uint64_t bitmap[BITMAP_WORDS(RAM >> 12)];

	memset(bitmap, 0, sizeof(bitmap));
	assert_int_equal(vm_fetch_dirty(m->vm, 0, bitmap, sizeof(bitmap)), 0);
	assert_int_equal(vm_clear_dirty(m->vm, 0, 0, RAM >> 12, bitmap), 0);
}

/* Running, kicks become tallies, marked in the dirty log; paused, they wait. */
static void test_serve_and_wait(void **state)
{
	struct machine *m = make();

	assert_int_equal(queues_start(vm_device(m->vm, 0), TALLY_GPA), 0);
	vm_devices_resume(m->vm);
	kick(m, 2, 1);
	await_tally(m, 2, 1);
	assert_int_equal(vm_log_start(m->vm), 0);
	clear_dirty(m);
	assert_false(is_dirty(m, TALLY_GPA));
	kick(m, 2, 3);
	await_tally(m, 2, 4);
	vm_devices_pause(m->vm);
	assert_true(is_dirty(m, TALLY_GPA));
	clear_dirty(m);
	kick(m, 0, 7);
	clock_sleep_until_ns(clock_now_ns() + 20 * NSEC_PER_MSEC);
	assert_int_equal(tally(m, 0), 0);
	assert_false(is_dirty(m, TALLY_GPA));
	vm_devices_resume(m->vm);
	await_tally(m, 0, 7);
	vm_devices_pause(m->vm);
	vm_log_stop(m->vm);
	machine_free(m);
}

/* What was kicked and not served goes with the state, and is served there. */
static void test_moves(void **state)
{
	struct machine *a = make(), *b = make();
	struct error err = { "" };
	struct buf st = BUF_INIT;
	unsigned int i;

	assert_int_equal(queues_start(vm_device(a->vm, 0), TALLY_GPA), 0);
	vm_devices_resume(a->vm);
	kick(a, 1, 5);
	await_tally(a, 1, 5);
	vm_devices_pause(a->vm);
	for (i = 0; i < NR_QUEUES; i++)
		kick(a, i, i + 1);
	/* As by a vCPU in its last moment. */
	vm_devices_pause(a->vm);
	assert_int_equal(queues_save(vm_device(a->vm, 0), &st), 0);
	machine_copy_memory(b, a);
	assert_int_equal(
		queues_load(vm_device(b->vm, 0), st.data, st.bytes, &err), 0);
	assert_int_equal(tally(b, 1), 5);
	vm_devices_resume(b->vm);
	for (i = 0; i < NR_QUEUES; i++)
		await_tally(b, i, i + 1 + (i == 1 ? 5 : 0));
	/* Once, and not again after another pause. */
	vm_devices_pause(b->vm);
	vm_devices_resume(b->vm);
	clock_sleep_until_ns(clock_now_ns() + 20 * NSEC_PER_MSEC);
	vm_devices_pause(b->vm);
	for (i = 0; i < NR_QUEUES; i++)
		assert_int_equal(tally(b, i), i + 1 + (i == 1 ? 5 : 0));
	buf_exit(&st);
	machine_free(a);
	machine_free(b);
}

/* Each byte of a state, wrong: refused with a name, or a state to be in. */
static void test_damaged_state(void **state)
{
	struct machine *m = make();
	struct device *d = vm_device(m->vm, 0);
	struct buf good = BUF_INIT, now = BUF_INIT;
	unsigned int nr_refused = 0, v;
	size_t at;

	assert_int_equal(queues_start(d, TALLY_GPA), 0);
	assert_int_equal(queues_save(d, &good), 0);
	for (at = 0; at < good.bytes; at++) {
		static const uint8_t bits[] = { 1, 0x80, 0xff };

		for (v = 0; v < 3; v++) {
			struct error err = { "" };
			int rc;

			good.data[at] ^= bits[v];
			rc = queues_load(d, good.data, good.bytes, &err);
			if (rc) {
				nr_refused++;
				assert_int_equal(rc, -EPROTO);
				assert_non_null(strstr(err.text, "blk0"));
			}
			good.data[at] ^= bits[v];
		}
	}
	assert_true(nr_refused > 100);
	assert_int_equal(queues_load(d, good.data, good.bytes, NULL), 0);
	assert_int_equal(queues_save(d, &now), 0);
	assert_int_equal(now.bytes, good.bytes);
	assert_memory_equal(now.data, good.data, good.bytes);
	for (at = 0; at < good.bytes; at++)
		assert_int_equal(queues_check(d, good.data, at, NULL), -EPROTO);
	buf_exit(&good);
	buf_exit(&now);
	machine_free(m);
}

/* A guest that writes anything anywhere; then one that does it right. */
static void test_hostile_registers(void **state)
{
	struct machine *m = make();
	struct queues_device *d = device_of(m);
	struct rng rng = { 3 };
	struct pci_state s;
	uint64_t bar;
	unsigned int i;

	pci_get_state(&d->pci, &s);
	bar = s.bar[0] | (uint64_t)s.bar[1] << 32;
	s.command = 6;
	s.msix_control = 0x8000;
	assert_int_equal(pci_set_state(&d->pci, &s), 0);
	vm_devices_resume(m->vm);
	for (i = 0; i < 20000; i++) {
		unsigned int bytes = 1u << rng_below(&rng, 4);
		uint64_t offset =
			rng_below(&rng, 8)
				? rng_below(&rng, 64)
				: rng_below(&rng, QUEUES_BAR_BYTES - 8);
		uint64_t value = rng_below(&rng, 2) ? rng_below(&rng, 8)
						    : rng_next(&rng);

		if (rng_below(&rng, 4))
			io_write(vm_memory_space(m->vm), bar + offset, bytes,
				 value);
		else
			io_read(vm_memory_space(m->vm), bar + offset, bytes);
	}
	vm_devices_pause(m->vm);
	assert_int_equal(queues_reset(&d->device), 0);
	assert_int_equal(queues_start(&d->device, TALLY_GPA), 0);
	vm_devices_resume(m->vm);
	kick(m, 4, 1);
	await_tally(m, 4, 1);
	vm_devices_pause(m->vm);
	machine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_serve_and_wait),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_damaged_state),
		cmocka_unit_test(test_hostile_registers),
	};
	int code;

	if (machine_skip(&code))
		return code;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
