/* SPDX-License-Identifier: MIT */
/* Guest memory from outside: right bytes, and refusal of all else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drive/ram.h"

#define P 4096ull

static void bad_regions_are_refused(void **state)
{
	static const struct {
		uint64_t gpa, bytes, hva;
	} cases[] = {
		{ 0x20000, 0, 0 }, /* empty */
		{ 0x20001, P, 0 }, /* not aligned */
		{ 0x20000, 100, 0 },
		{ 0x20000, P, 8 },
		{ 0x10000, P, 0 }, /* over another */
		{ 0xf000, 2 * P, 0 },
		{ 0x11000, P, 0 },
		{ 0xf000, 9 * P, 0 },
		{ UINT64_MAX - P + 1, P, 0 }, /* wraps */
		{ 0x20000, 2 * P, UINT64_MAX - P + 1 },
	};
	struct ram ram;
	size_t i;

	ram_init(&ram, getpid());
	assert_int_equal(ram_add(&ram, 0x10000, 2 * P, 0), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(ram_add(&ram, cases[i].gpa, cases[i].bytes,
					 cases[i].hva),
				 -EINVAL);
	for (i = 1; i < RAM_MAX_REGIONS; i++)
		assert_int_equal(ram_add(&ram, 0x10000 * (i + 1), P, 0), 0);
	assert_int_equal(ram_add(&ram, 0, P, 0), -ENOSPC);
	assert_int_equal(ram.nr_regions, RAM_MAX_REGIONS);
	assert_int_equal(ram_bytes(&ram), (RAM_MAX_REGIONS + 1) * P);
}

/* Two regions that adjoin in the guest and not here, and a third apart. */
static uint8_t *make(struct ram *ram)
{
	uint8_t *m = mmap(NULL, 8 * P, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	assert_ptr_not_equal(m, MAP_FAILED);
	for (i = 0; i < 8 * P; i++)
		m[i] = (uint8_t)(i / P * 16 + i % 13);
	ram_init(ram, getpid());
	assert_int_equal(ram_add(ram, 9 * P, P, (uintptr_t)(m + 6 * P)), 0);
	assert_int_equal(ram_add(ram, 4 * P, 2 * P, (uintptr_t)(m + 4 * P)), 0);
	assert_int_equal(ram_add(ram, 2 * P, 2 * P, (uintptr_t)m), 0);
	return m;
}

static void reads_and_writes_cross_regions(void **state)
{
	uint8_t want[4 * P], got[4 * P];
	struct ram ram;
	uint8_t *m = make(&ram);

	memcpy(want, m, 2 * P);
	memcpy(want + 2 * P, m + 4 * P, 2 * P);
	assert_int_equal(ram_read(&ram, 2 * P, got, sizeof(got)), 0);
	assert_memory_equal(got, want, sizeof(got));
	assert_int_equal(ram_read(&ram, 4 * P - 3, got, 7), 0);
	assert_memory_equal(got, want + 2 * P - 3, 7);

	assert_int_equal(ram_write(&ram, 4 * P - 2, "abcd", 4), 0);
	assert_memory_equal(m + 2 * P - 2, "ab", 2);
	assert_memory_equal(m + 4 * P, "cd", 2);
	assert_true(ram_covers(&ram, 2 * P, 4 * P));
	assert_false(ram_covers(&ram, 2 * P, 4 * P + 1));
	assert_false(ram_covers(&ram, 0, 1));
	munmap(m, 8 * P);
}

static void outside_is_a_fault(void **state)
{
	static const uint64_t cases[][2] = {
		{ 0, 1 },	  { 2 * P - 1, 2 }, { 6 * P - 1, 2 },
		{ 8 * P, P },	  { 10 * P, 1 },    { UINT64_MAX, 1 },
		{ 9 * P, P + 1 },
	};
	static uint8_t buf[2 * P];
	struct ram ram;
	uint8_t *m = make(&ram);
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(ram_read(&ram, cases[i][0], buf, cases[i][1]),
				 -EFAULT);
		assert_int_equal(ram_write(&ram, cases[i][0], buf, cases[i][1]),
				 -EFAULT);
	}
	/* A region that the process has unmapped meanwhile. */
	munmap(m + P, P);
	assert_int_equal(ram_read(&ram, 2 * P, buf, 2 * P), -EFAULT);
	munmap(m, 8 * P);
}

static void gone_process_is_told(void **state)
{
	struct ram ram;
	uint8_t *m = make(&ram), byte = 0;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	ram.pid = pid;
	assert_int_equal(ram_read(&ram, 2 * P, &byte, 1), -ESRCH);
	assert_int_equal(ram_write(&ram, 2 * P, &byte, 1), -ESRCH);
	munmap(m, 8 * P);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_regions_are_refused),
		cmocka_unit_test(outside_is_a_fault),
		cmocka_unit_test(gone_process_is_told),
		cmocka_unit_test(reads_and_writes_cross_regions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
