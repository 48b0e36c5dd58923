/* SPDX-License-Identifier: MIT */
/* Is each QEMU found once, and nothing that is none? */
#include "drive/qemu_find.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/unit.h"

struct place {
	char dir[64], path[512];
};

static void file(const struct place *p, const char *name, mode_t mode)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	close(fd);
}

static void folder(const struct place *p, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

/* a: a program; b: the same by a link, and another; c: none is one. */
static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	char from[128];

	assert_non_null(p);
	strcpy(p->dir, "/tmp/vmferry-find-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	folder(p, "a");
	folder(p, "b");
	folder(p, "c");
	folder(p, "c/qemu-kvm");
	file(p, "a/qemu-system-x86_64", 0700);
	file(p, "b/qemu-kvm", 0700);
	file(p, "c/qemu-system-x86_64", 0600);
	snprintf(from, sizeof(from), "%s/b/qemu-system-x86_64", p->dir);
	assert_int_equal(symlink("../a/qemu-system-x86_64", from), 0);
	snprintf(p->path, sizeof(p->path), "%s/none:%s/c::%s/a:%s/b", p->dir,
		 p->dir, p->dir, p->dir);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {
		"a/qemu-system-x86_64",
		"b/qemu-system-x86_64",
		"b/qemu-kvm",
		"c/qemu-system-x86_64",
		"c/qemu-kvm",
		"a",
		"b",
		"c",
		"",
	};
	struct place *p = *state;
	char path[128];
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", p->dir, names[i]);
		remove(path);
	}
	free(p);
	return 0;
}

static bool is(const struct place *p, char *got, const char *want)
{
	bool same = !strncmp(got, p->dir, strlen(p->dir)) &&
		    !strcmp(got + strlen(p->dir), want);

	free(got);
	return same;
}

static void test_none(void **state)
{
	struct place *p = *state;
	char only_c[80], *list[2];

	snprintf(only_c, sizeof(only_c), "%s/c", p->dir);
	assert_int_equal(qemu_find(NULL, NULL, list, 2), 0);
	assert_int_equal(qemu_find(NULL, "", list, 2), 0);
	assert_int_equal(qemu_find("/nonexistent", "::", list, 2), 0);
	assert_int_equal(qemu_find(only_c, only_c, list, 2), 0);
	assert_int_equal(qemu_find_one("qemu-kvm", only_c, list), -ENOENT);
	assert_int_equal(qemu_find_one("qemu-kvm", NULL, list), -ENOENT);
}

static void test_path(void **state)
{
	struct place *p = *state;
	char *list[4];

	assert_int_equal(qemu_find(NULL, p->path, list, 4), 2);
	assert_true(is(p, list[0], "/a/qemu-system-x86_64"));
	assert_true(is(p, list[1], "/b/qemu-kvm"));
}

static void test_named_first(void **state)
{
	struct place *p = *state;
	char *list[4];

	assert_int_equal(qemu_find("qemu-kvm", p->path, list, 4), 2);
	assert_true(is(p, list[0], "/b/qemu-kvm"));
	assert_true(is(p, list[1], "/a/qemu-system-x86_64"));
}

static void test_room(void **state)
{
	struct place *p = *state;
	char *list[1];

	assert_int_equal(qemu_find(NULL, p->path, list, 1), 1);
	assert_true(is(p, list[0], "/a/qemu-system-x86_64"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_named_first),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
