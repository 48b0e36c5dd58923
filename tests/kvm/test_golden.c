/* SPDX-License-Identifier: MIT */
/*
 * States that earlier versions of the format have left: they are read for ever.
 *
 * state-1.bin: one vCPU, no bus; state-2.bin: one vCPU, blk0 with three queues.
 * A host with fewer CPU features than the one that wrote them refuses to load
 * them, by that reason and no other.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "machine.h"
#include "vmm/queue_devices.h"
#include "vmm/state.h"

static const char *dir;

static size_t read_state(const char *name, uint8_t *bytes, size_t room)
{
	char path[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "re");
	assert_non_null(f);
	n = fread(bytes, 1, room, f);
	fclose(f);
	assert_in_range(n, 1000, room - 1);
	return n;
}

struct seen {
	unsigned int values, kicks, rip;
};

static void look(void *ctx, int vcpu, const char *name, enum vm_value_kind kind,
		 const void *value, size_t bytes)
{
	struct seen *s = ctx;

	s->values++;
	s->rip += vcpu == 0 && !strcmp(name, "rip") &&
		  memcmp(value, "\0\0\0\0\0\0\0\0", 8) != 0;
	if (!strncmp(name, "blk0.queue[", 11) && strstr(name, "kicks"))
		s->kicks += *(const uint8_t *)value;
}

static void check(const char *name, bool has_device)
{
	const struct queues_list one = { 1, { { QUEUES_BLK, 3 } } };
	static uint8_t bytes[1 << 16];
	size_t n = read_state(name, bytes, sizeof(bytes));
	struct machine *with = machine_new(1, 16ull << 20);
	struct machine *without = machine_new(1, 16ull << 20);
	struct error err = { "" };
	struct seen seen = { 0 };
	int rc;

	assert_int_equal(vm_state_describe(bytes, n, look, &seen, &err), 0);
	assert_true(seen.values > 200 && seen.rip == 1);
	assert_int_equal(seen.kicks, has_device ? 3 : 0);
	assert_int_equal(queues_add(with->vm, &one), 0);
	/* The wrong machine: nothing has changed. */
	rc = vm_state_load(has_device ? without->vm : with->vm, bytes, n, &err);
	assert_int_equal(rc, -EPROTO);
	assert_non_null(strstr(err.text, "devices"));
	err.text[0] = '\0';
	rc = vm_state_load(has_device ? with->vm : without->vm, bytes, n, &err);
	if (rc == -ENOTSUP)
		print_message("another host's: %s\n", err.text);
	else
		assert_int_equal(rc, 0);
	machine_free(with);
	machine_free(without);
}

static void test_version_1(void **state)
{
	check("state-1.bin", false);
}

static void test_version_2(void **state)
{
	check("state-2.bin", true);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_1),
		cmocka_unit_test(test_version_2),
	};
	int code;

	if (argc != 2)
		return 2;
	dir = argv[1];
	if (machine_skip(&code))
		return code;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
