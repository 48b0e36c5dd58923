/* SPDX-License-Identifier: MIT */
/*
 * Does the dirty log miss a page? A mirror of RAM is kept up to date by the log
 * alone while the guest writes; at the end it must be RAM, byte for byte.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bitmap.h"
#include "base/clock.h"
#include "machine.h"
#include "vmm/dirty.h"

#define RAM (32ull << 20)
#define RAM_PAGES (RAM >> 12)
#define CONTROL 1u /* region index */
#define ROUNDS 30

/* Random dwords from 16 MiB up to 32 MiB, and one in the control area; counts
 * its rounds in DATA. */
GUEST(guest_dirty, "mov $12345, %eax\n"
		   "1: imul $1664525, %eax, %eax\n add $1013904223, %eax\n"
		   "mov %eax, %edi\n shr $8, %edi\n and $0xfffffc, %edi\n"
		   "mov %eax, 0x1000000(%edi)\n"
		   "incl 0xd0003000\n"
		   "incl 0x200000\n jmp 1b\n");

/* Each page from 16 MiB up to 32 MiB once, whenever START has become more;
 * counts in DATA how often it has done that. */
#define START_GPA 0x201000
GUEST(guest_once, "xor %eax, %eax\n"
		  "1: cmpl %eax, 0x201000\n je 1b\n"
		  "incl %eax\n mov $0x1000000, %edi\n"
		  "2: mov %eax, (%edi)\n add $0x1000, %edi\n"
		  "cmp $0x2000000, %edi\n jb 2b\n"
		  "incl 0x200000\n jmp 1b\n");

struct region_log {
	uint64_t pages;
	uint64_t *bitmap;
	uint8_t *mirror;
};

static void copy_dirty(struct machine *m, unsigned int index,
		       struct region_log *log)
{
	const uint8_t *hva = vm_memory(m->vm)->region[index].hva;
	uint64_t chunk, nr, bit;

	memset(log->bitmap, 0, BITMAP_BYTES(log->pages));
	assert_int_equal(vm_fetch_dirty(m->vm, index, log->bitmap,
					BITMAP_BYTES(log->pages)),
			 0);
	for (chunk = 0; chunk < log->pages; chunk += 2048) {
		nr = log->pages - chunk < 2048 ? log->pages - chunk : 2048;
		assert_int_equal(
			vm_clear_dirty(m->vm, index, chunk, nr, log->bitmap),
			0);
		for (bit = bitmap_next(log->bitmap, chunk + nr, chunk);
		     bit < chunk + nr;
		     bit = bitmap_next(log->bitmap, chunk + nr, bit + 1))
			memcpy(log->mirror + bit * 4096, hva + bit * 4096,
			       4096);
	}
}

static void logs_init(struct machine *m, struct region_log *log)
{
	const struct guestmem *mem = vm_memory(m->vm);
	unsigned int i;

	for (i = 0; i < mem->nr_regions; i++) {
		log[i].pages = mem->region[i].bytes / 4096;
		log[i].bitmap = calloc(1, BITMAP_BYTES(log[i].pages));
		log[i].mirror = calloc(1, mem->region[i].bytes);
		assert_non_null(log[i].bitmap);
		assert_non_null(log[i].mirror);
		/* Not zero: a page that is never reported must show. */
		memset(log[i].mirror, 0xa5, mem->region[i].bytes);
	}
}

static void logs_exit(struct machine *m, struct region_log *log)
{
	unsigned int i;

	for (i = 0; i < vm_memory(m->vm)->nr_regions; i++) {
		free(log[i].bitmap);
		free(log[i].mirror);
	}
}

static void mirror_matches(struct machine *m, const struct region_log *log)
{
	const struct guestmem *mem = vm_memory(m->vm);
	unsigned int i;
	uint64_t p;

	for (i = 0; i < mem->nr_regions; i++)
		for (p = 0; p < log[i].pages; p++)
			if (memcmp(log[i].mirror + p * 4096,
				   mem->region[i].hva + p * 4096, 4096))
				fail_msg("page %llu of %s was missed",
					 (unsigned long long)p,
					 mem->region[i].name);
}

/* Nobody collects: the vCPU has to empty its ring itself. */
static void wait_until_full(struct machine *m, uint64_t times)
{
	uint64_t end_ns = clock_now_ns() + 30 * NSEC_PER_SEC;
	struct vm_dirty_stats stats;

	do {
		vm_dirty_stats(m->vm, &stats);
		assert_true(clock_now_ns() < end_ns);
		clock_sleep_until_ns(clock_now_ns() + 100000);
		assert_false(machine_has_ended(m));
	} while (stats.ring_full_exits < times);
}

/* @full: so many full rings in each round. */
static void no_page_is_missed(unsigned int degrade, unsigned int ring,
			      unsigned int full)
{
	struct machine *m = machine_new_ring(1, RAM, ring);
	struct region_log log[GUESTMEM_MAX_REGIONS];
	struct vm_dirty_stats stats;
	unsigned int round, i, nr = vm_memory(m->vm)->nr_regions;
	uint32_t before;

	logs_init(m, log);
	machine_load(m, guest_dirty, guest_dirty_end);
	assert_int_equal(vm_dirty_degrade(m->vm, degrade), 0);
	vm_resume(m->vm);
	machine_wait_for(m, DATA_GPA, 1);
	assert_int_equal(vm_log_start(m->vm), 0);
	assert_int_equal(vm_log_start(m->vm), -EALREADY);
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < nr; i++)
			copy_dirty(m, i, &log[i]);
		/* Only now: the guest must write after it was looked at. */
		before = machine_peek(m, DATA_GPA);
		if (!round)
			assert_int_equal(bitmap_count(log[0].bitmap, RAM_PAGES),
					 RAM_PAGES);
		machine_wait_for(m, DATA_GPA, before + 200);
		wait_until_full(m, full * (round + 1));
	}
	vm_pause(m->vm);
	for (i = 0; i < nr; i++)
		copy_dirty(m, i, &log[i]);
	assert_true(bitmap_test(log[CONTROL].bitmap, 3));
	mirror_matches(m, log);
	/* Nobody runs: nothing is dirty any more. */
	copy_dirty(m, 0, &log[0]);
	assert_int_equal(bitmap_count(log[0].bitmap, RAM_PAGES), 0);
	assert_int_equal(vm_log_stop(m->vm), 0);
	assert_int_equal(vm_log_stop(m->vm), 0);
	vm_dirty_stats(m->vm, &stats);
	assert_int_equal(vm_dirty_ring_entries(m->vm), ring);
	assert_int_equal(stats.ring_pages > 0, ring > 0);
	if (stats.ring_overruns)
		print_message("this KVM has run over a full dirty ring %u "
			      "times\n",
			      (unsigned int)stats.ring_overruns);
	logs_exit(m, log);
	machine_free(m);
}

static void test_manual(void **state)
{
	no_page_is_missed(0, 0, 0);
}

static void test_not_initially_set(void **state)
{
	no_page_is_missed(VM_DIRTY_NO_INITIALLY_SET, 0, 0);
}

static void test_fetch_clears(void **state)
{
	no_page_is_missed(VM_DIRTY_NO_MANUAL, 0, 0);
}

static void test_ring(void **state)
{
	no_page_is_missed(0, 65536, 0);
}

static void test_small_ring(void **state)
{
	no_page_is_missed(0, 16384, 2);
}

/* Nothing is written twice within a pass: what the log forgets of a ring that
 * was run over stays forgotten, and so do pages that are not protected again. */
static void test_overrun(void **state)
{
	struct machine *m = machine_new_ring(1, RAM, 1024);
	struct region_log log[GUESTMEM_MAX_REGIONS];
	unsigned int i, nr = vm_memory(m->vm)->nr_regions;
	struct vm_dirty_stats stats;
	uint32_t pass;

	logs_init(m, log);
	machine_load(m, guest_once, guest_once_end);
	machine_poke(m, START_GPA, 0);
	vm_resume(m->vm);
	assert_int_equal(vm_log_start(m->vm), 0);
	for (pass = 1; pass <= 8; pass++) {
		for (i = 0; i < nr; i++)
			copy_dirty(m, i, &log[i]);
		machine_poke(m, START_GPA, pass);
		machine_wait_for(m, DATA_GPA, pass);
		assert_false(machine_has_ended(m));
	}
	vm_pause(m->vm);
	for (i = 0; i < nr; i++)
		copy_dirty(m, i, &log[i]);
	/* What the host writes is not logged. */
	memcpy(log[0].mirror + START_GPA,
	       vm_memory(m->vm)->region[0].hva + START_GPA, 4096);
	mirror_matches(m, log);
	vm_dirty_stats(m->vm, &stats);
	print_message("%u full, %u of them run over\n",
		      (unsigned int)stats.ring_full_exits,
		      (unsigned int)stats.ring_overruns);
	logs_exit(m, log);
	machine_free(m);
}

/* What was fetched and not cleared is fetched again; and a second log starts
 * afresh, with every page. */
static void test_stays_until_cleared(void **state)
{
	static const unsigned int degrade[] = { 0, VM_DIRTY_NO_INITIALLY_SET,
						VM_DIRTY_NO_MANUAL, 0 };
	uint64_t map[BITMAP_WORDS(RAM_PAGES)];
	size_t i, turn;

	/* The last one with a ring. */
	for (i = 0; i < 4; i++) {
		struct machine *m = machine_new_ring(1, RAM, i == 3 ? 4096 : 0);

		assert_int_equal(vm_dirty_degrade(m->vm, degrade[i]), 0);
		for (turn = 0; turn < 2; turn++) {
			assert_int_equal(vm_log_start(m->vm), 0);
			memset(map, 0, sizeof(map));
			vm_fetch_dirty(m->vm, 0, map, sizeof(map));
			assert_int_equal(bitmap_count(map, RAM_PAGES),
					 RAM_PAGES);
			vm_clear_dirty(m->vm, 0, 0, 128, map);
			memset(map, 0, sizeof(map));
			vm_fetch_dirty(m->vm, 0, map, sizeof(map));
			assert_int_equal(bitmap_count(map, RAM_PAGES),
					 RAM_PAGES - 128);
			assert_int_equal(bitmap_next(map, RAM_PAGES, 0), 128);
			assert_int_equal(vm_log_stop(m->vm), 0);
		}
		machine_free(m);
	}
}

static void test_bad_calls(void **state)
{
	struct machine *m = machine_new(1, RAM);
	uint64_t map[BITMAP_WORDS(RAM_PAGES)] = { 0 };
	struct vm *vm = m->vm;

	assert_int_equal(vm_fetch_dirty(vm, 0, map, sizeof(map)), -EINVAL);
	assert_int_equal(vm_clear_dirty(vm, 0, 0, 64, map), -EINVAL);
	assert_int_equal(vm_log_start(vm), 0);
	assert_int_equal(vm_dirty_degrade(vm, 1), -EBUSY);
	assert_int_equal(vm_fetch_dirty(vm, 2, map, sizeof(map)), -EINVAL);
	assert_int_equal(vm_fetch_dirty(vm, 0, map, sizeof(map) - 8), -EINVAL);
	assert_int_equal(vm_clear_dirty(vm, 0, 1, 64, map), -EINVAL);
	assert_int_equal(vm_clear_dirty(vm, 0, 0, 65, map), -EINVAL);
	assert_int_equal(vm_clear_dirty(vm, 0, 64, RAM_PAGES, map), -EINVAL);
	assert_int_equal(vm_clear_dirty(vm, 0, 64, ~0ull - 63, map), -EINVAL);
	assert_int_equal(vm_clear_dirty(vm, 0, RAM_PAGES + 64, 0, map),
			 -EINVAL);
	/* The control area: 16 pages, less than 64. */
	assert_int_equal(vm_clear_dirty(vm, CONTROL, 0, 16, map), 0);
	machine_free(m);
}

/* Put off until somebody runs, or logs again. */
static void test_stopped_later(void **state)
{
	struct machine *m = machine_new(1, RAM);
	struct region_log log[GUESTMEM_MAX_REGIONS];
	size_t bytes = BITMAP_BYTES(RAM_PAGES);

	logs_init(m, log);
	machine_load(m, guest_dirty, guest_dirty_end);
	vm_log_stop_later(m->vm);
	assert_int_equal(vm_log_start(m->vm), 0);
	vm_log_stop_later(m->vm);
	assert_int_equal(vm_log_start(m->vm), 0);
	/* That one is wanted: it goes on, whoever runs. */
	assert_int_equal(vm_resume(m->vm), 0);
	vm_pause(m->vm);
	assert_int_equal(vm_fetch_dirty(m->vm, 0, log[0].bitmap, bytes), 0);
	vm_log_stop_later(m->vm);
	assert_int_equal(vm_resume(m->vm), 0);
	assert_int_equal(vm_fetch_dirty(m->vm, 0, log[0].bitmap, bytes),
			 -EINVAL);
	logs_exit(m, log);
	machine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_calls),
		cmocka_unit_test(test_stays_until_cleared),
		cmocka_unit_test(test_manual),
		cmocka_unit_test(test_stopped_later),
		cmocka_unit_test(test_not_initially_set),
		cmocka_unit_test(test_fetch_clears),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_small_ring),
		cmocka_unit_test(test_overrun),
	};
	int code;

	if (machine_skip(&code))
		return code;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
