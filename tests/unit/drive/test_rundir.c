/* SPDX-License-Identifier: MIT */
/* Is the directory of a run private, short, and gone afterwards? */
#include "drive/rundir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/unit.h"

static void touch(const char *dir, const char *name)
{
	char path[RUNDIR_BYTES + 32];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	fclose(f);
}

static void check_made(const char *path, const char *parent)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(strncmp(path, parent, strlen(parent)), 0);
	assert_non_null(strstr(path, "/vmferry-"));
}

static void test_places(void **state)
{
	char base[] = "/tmp/vmferry-test-XXXXXX", sub[64], path[RUNDIR_BYTES];
	struct error err = { "" };
	char longer[200];

	assert_non_null(mkdtemp(base));
	/* The first that can be had. */
	setenv("XDG_RUNTIME_DIR", base, 1);
	unsetenv("TMPDIR");
	assert_int_equal(rundir_create(path, &err), 0);
	check_made(path, base);
	rundir_remove(path);
	assert_int_not_equal(access(path, F_OK), 0);
	/* Not a path, not there, too long. */
	memset(longer, 'x', sizeof(longer));
	longer[0] = '/';
	longer[sizeof(longer) - 1] = '\0';
	snprintf(sub, sizeof(sub), "%s/none", base);
	setenv("XDG_RUNTIME_DIR", "relative", 1);
	setenv("TMPDIR", base, 1);
	assert_int_equal(rundir_create(path, &err), 0);
	check_made(path, base);
	rundir_remove(path);
	setenv("XDG_RUNTIME_DIR", sub, 1);
	setenv("TMPDIR", longer, 1);
	assert_int_equal(rundir_create(path, &err), 0);
	check_made(path, "/tmp/");
	rundir_remove(path);
	assert_int_equal(rmdir(base), 0);
}

static void test_removes_its_files(void **state)
{
	char path[RUNDIR_BYTES], outside[] = "/tmp/vmferry-test-XXXXXX";
	char link[RUNDIR_BYTES + 8];
	struct error err = { "" };
	int fd = mkstemp(outside);

	assert_true(fd >= 0);
	close(fd);
	unsetenv("XDG_RUNTIME_DIR");
	unsetenv("TMPDIR");
	assert_int_equal(rundir_create(path, &err), 0);
	touch(path, "source.log");
	touch(path, ".hidden");
	snprintf(link, sizeof(link), "%s/link", path);
	assert_int_equal(symlink(outside, link), 0);
	rundir_remove(path);
	assert_int_not_equal(access(path, F_OK), 0);
	/* A link goes, what it points to stays. */
	assert_int_equal(unlink(outside), 0);
	/* Once more, and one that never was. */
	rundir_remove(path);
	rundir_remove("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_removes_its_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
