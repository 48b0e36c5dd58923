/* SPDX-License-Identifier: MIT */
/* Is RAM that is handed over taken only if it is what it must be, read-only
 * until it is ours, and gone for who gave it? */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/unit.h"
#include "vmm/guestmem.h"

#define RAM (4ull << 20)
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

static void init(struct guestmem *mem, enum backing_kind kind)
{
	const struct guestmem_params p = {
		.ram_bytes = RAM,
		.control_bytes = 4096,
		.backing = kind,
	};

	assert_int_equal(guestmem_init(mem, &p, NULL), 0);
}

/* Can it be read, or written, without dying of it? The kernel tries. */
static bool can(uint8_t *at, bool write_it)
{
	int fd[2];
	bool done;

	assert_int_equal(pipe(fd), 0);
	if (write_it)
		done = write(fd[1], "x", 1) == 1 && read(fd[0], at, 1) == 1;
	else
		done = write(fd[1], at, 1) == 1;
	close(fd[0]);
	close(fd[1]);
	return done;
}

static int memfd(uint64_t bytes, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void test_from_one_to_the_other(void **state)
{
	struct guestmem from, to;
	int number;

	init(&from, BACKING_MEMFD);
	init(&to, BACKING_MEMFD);
	assert_true(guestmem_is_sealed(&from.region[0]));
	assert_false(guestmem_is_sealed(guestmem_region(&from, "control")));
	from.region[0].hva[RAM - 1] = 0x5a;
	number = to.region[0].memfd;
	assert_int_equal(
		guestmem_adopt(&to, 0, dup(from.region[0].memfd), NULL), 0);
	assert_int_equal(to.region[0].memfd, number);
	assert_int_equal(to.region[0].hva[RAM - 1], 0x5a);
	/* The source's still: the target sees what it writes, and cannot. */
	from.region[0].hva[0] = 1;
	assert_int_equal(to.region[0].hva[0], 1);
	assert_false(can(to.region[0].hva, true));
	assert_int_equal(guestmem_take(&to), 0);
	assert_true(can(to.region[0].hva, true));
	assert_int_equal(from.region[0].hva[0], 'x');
	assert_int_equal(guestmem_drop(&from), 0);
	assert_false(can(from.region[0].hva, false));
	assert_true(can(guestmem_region(&from, "control")->hva, false));
	guestmem_exit(&from);
	assert_int_equal(to.region[0].hva[RAM - 1], 0x5a);
	guestmem_exit(&to);
}

static void test_hostile(void **state)
{
	int pipe_fd[2];
	struct guestmem to;
	size_t i;

	assert_int_equal(pipe(pipe_fd), 0);
	close(pipe_fd[1]);
	init(&to, BACKING_MEMFD);
	{
		const int fds[] = {
			memfd(RAM - 4096, SEALS),
			memfd(RAM + 4096, SEALS),
			memfd(RAM, 0),
			memfd(RAM, F_SEAL_GROW),
			memfd(RAM, F_SEAL_SHRINK),
			pipe_fd[0],
			open("/dev/zero", O_RDWR | O_CLOEXEC),
		};

		for (i = 0; i < ARRAY_LEN(fds); i++) {
			struct error err = { "" };

			if (guestmem_adopt(&to, 0, fds[i], &err) != -EPROTO ||
			    !err.text[0])
				fail_msg("case %zu", i);
			/* Taken over, and closed. */
			assert_int_equal(fcntl(fds[i], F_GETFD), -1);
			assert_true(can(to.region[0].hva, true));
		}
	}
	/* The control area is nobody else's. */
	assert_int_equal(guestmem_adopt(&to, 1, memfd(4096, SEALS), NULL),
			 -EPROTO);
	guestmem_exit(&to);
}

static void test_only_for_memfds(void **state)
{
	struct guestmem to;

	init(&to, BACKING_ANON);
	assert_false(guestmem_is_sealed(&to.region[0]));
	assert_int_equal(guestmem_adopt(&to, 0, memfd(RAM, SEALS), NULL),
			 -EPROTO);
	guestmem_exit(&to);
}

/* Pages are told that were touched, by this mapping or (a file's) any. */
static void test_touched(void **state)
{
	static const enum backing_kind kinds[] = { BACKING_ANON,
						   BACKING_MEMFD };
	uint64_t bits[8];
	size_t i;

	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		struct guestmem mem;

		init(&mem, kinds[i]);
		assert_int_equal(guestmem_touched(&mem, 0, 0, 512, bits), 0);
		assert_int_equal(bits[0] | bits[7], 0);
		mem.region[0].hva[4096 * 3] = 1;
		mem.region[0].hva[4096 * 511] = 1;
		assert_int_equal(guestmem_touched(&mem, 0, 0, 512, bits), 0);
		assert_int_equal(bits[0], 8);
		assert_true(bits[7] == 1ull << 63);
		assert_int_equal(bits[1] | bits[6], 0);
		assert_int_equal(guestmem_touched(&mem, 0, 3, 1, bits), 0);
		assert_int_equal(bits[0], 1);
		assert_int_equal(guestmem_touched(&mem, 0, 512, 512, bits), 0);
		assert_int_equal(bits[0], 0);
		guestmem_exit(&mem);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_one_to_the_other),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_only_for_memfds),
		cmocka_unit_test(test_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
