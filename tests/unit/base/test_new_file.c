/* SPDX-License-Identifier: MIT */
/* Does a file have its name exactly when it is whole, and nothing else stay? */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <dirent.h>
#include <cmocka.h>

#include "base/new_file.h"

static char dir[] = "/tmp/vmferry-new-XXXXXX";
static char path[64];

static int setup(void **state)
{
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/name", dir);
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	/* Fails if anything else is left. */
	return rmdir(dir);
}

static unsigned int nr_names(void)
{
	struct dirent *e;
	unsigned int nr = 0;
	DIR *d = opendir(dir);

	assert_non_null(d);
	for (e = readdir(d); e; e = readdir(d))
		nr += e->d_name[0] != '.';
	closedir(d);
	return nr;
}

static void open_with(struct new_file *f, bool named, char content)
{
	assert_int_equal(new_file_open(path, named, f), 0);
	assert_int_equal(write(f->fd, &content, 1), 1);
}

static char content(void)
{
	FILE *f = fopen(path, "re");
	int c;

	assert_non_null(f);
	c = fgetc(f);
	fclose(f);
	return (char)c;
}

/* Killed here, nothing would stay. */
static void test_no_name_before(void **state)
{
	struct new_file f;

	open_with(&f, false, 'a');
	assert_int_equal(nr_names(), 0);
	new_file_close(&f);
	assert_int_equal(nr_names(), 0);
	open_with(&f, true, 'a');
	assert_int_equal(nr_names(), 1);
	new_file_close(&f);
	assert_int_equal(nr_names(), 0);
}

static void publish_over(bool named)
{
	struct new_file f;
	struct stat st;

	unlink(path);
	open_with(&f, named, 'a');
	assert_int_equal(new_file_publish(&f, false), 0);
	new_file_close(&f);
	assert_int_equal(content(), 'a');
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	open_with(&f, named, 'b');
	assert_int_equal(new_file_publish(&f, false), -EEXIST);
	assert_int_equal(content(), 'a');
	assert_int_equal(new_file_publish(&f, true), 0);
	new_file_close(&f);
	assert_int_equal(content(), 'b');

	/* Also where there is nothing to replace. */
	unlink(path);
	open_with(&f, named, 'c');
	assert_int_equal(new_file_publish(&f, true), 0);
	new_file_close(&f);
	assert_int_equal(content(), 'c');
	assert_int_equal(nr_names(), 1);
	unlink(path);
}

static void test_publish(void **state)
{
	publish_over(false);
	publish_over(true);
}

/* A directory has taken the name: it fails, and leaves no other. */
static void fail_over(bool named)
{
	struct new_file f;

	open_with(&f, named, 'a');
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(new_file_publish(&f, false), -EEXIST);
	assert_int_equal(new_file_publish(&f, true), -EISDIR);
	new_file_close(&f);
	assert_int_equal(nr_names(), 1);
	assert_int_equal(rmdir(path), 0);
}

static void test_fails(void **state)
{
	struct new_file f;

	fail_over(false);
	fail_over(true);
	assert_int_equal(new_file_open("/no/such/file", false, &f), -ENOENT);
	assert_int_equal(new_file_open("/no/such/file", true, &f), -ENOENT);
}

/* Without a directory in its name: where we are. */
static void test_here(void **state)
{
	struct new_file f;

	assert_int_equal(chdir(dir), 0);
	assert_int_equal(new_file_open("name", false, &f), 0);
	assert_int_equal(new_file_publish(&f, false), 0);
	new_file_close(&f);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(chdir("/"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_name_before),
		cmocka_unit_test(test_publish),
		cmocka_unit_test(test_fails),
		cmocka_unit_test(test_here),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
