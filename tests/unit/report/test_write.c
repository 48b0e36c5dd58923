/* SPDX-License-Identifier: MIT */
/* Is there ever half a document, or a file that was not asked for? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <signal.h>

#include "report/result.h"

struct fixture {
	struct result *r;
	char folder[64], path[128], other[128];
};

static int setup(void **state)
{
	const struct result_params params = { .command = "migrate",
					      .version = "0" };
	const char *base = getenv("TMPDIR");
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	snprintf(f->folder, sizeof(f->folder), "%.40s/vmferryXXXXXX",
		 base ? base : "/tmp");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->path, sizeof(f->path), "%s/result.json", f->folder);
	snprintf(f->other, sizeof(f->other), "%s/other", f->folder);
	assert_int_equal(result_create(&params, &f->r), 0);
	result_add_verdict(f->r, RESULT_PASS);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	unlink(f->other);
	/* Fails if anything else was left. */
	assert_int_equal(rmdir(f->folder), 0);
	result_destroy(f->r);
	free(f);
	return 0;
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void expect_document(const char *path)
{
	json_t *doc = json_load_file(path, 0, NULL);

	assert_string_equal(json_string_value(json_object_get(doc, "verdict")),
			    "pass");
	json_decref(doc);
}

static void test_new(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	mode_t mask = umask(022);

	assert_int_equal(result_write(f->r, f->path, NULL), 0);
	umask(mask);
	expect_document(f->path);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
}

static void test_replaced(void **state)
{
	struct fixture *f = *state;
	struct stat before, after;

	put(f->path, "something much longer than nothing");
	assert_int_equal(stat(f->path, &before), 0);
	assert_int_equal(result_write(f->r, f->path, NULL), 0);
	expect_document(f->path);
	assert_int_equal(stat(f->path, &after), 0);
	/* By rename: whoever had it open still sees the old one whole. */
	assert_int_not_equal(before.st_ino, after.st_ino);
}

static void test_symlink(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	put(f->other, "old");
	assert_int_equal(symlink("other", f->path), 0);
	assert_int_equal(result_write(f->r, f->path, NULL), 0);
	expect_document(f->other);
	assert_int_equal(lstat(f->path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void test_device(void **state)
{
	struct fixture *f = *state;
	struct error err = { "" };
	struct stat st;

	assert_int_equal(result_write(f->r, "/dev/null", NULL), 0);
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	assert_int_equal(result_write(f->r, "/dev/full", &err), -ENOSPC);
	assert_string_equal(err.text, "cannot write the result to /dev/full: "
				      "No space left on device");
}

static void test_nowhere(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(result_write(f->r, NULL, NULL), 0);
	assert_int_equal(result_write(f->r, "", NULL), 0);
	assert_int_equal(result_write(f->r, f->folder, NULL), -EISDIR);
	assert_int_equal(result_write(f->r, "/nonexistent/x", NULL), -ENOENT);
}

/* The disk is full in mid-document: the old one stays, no half one appears. */
static void test_full(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, small;
	struct error err = { "" };
	char text[8] = "";
	FILE *file;
	int ret;

	put(f->path, "old");
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 64;
	setrlimit(RLIMIT_FSIZE, &small);
	ret = result_write(f->r, f->path, &err);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(ret, -EFBIG);
	file = fopen(f->path, "r");
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	assert_string_equal(text, "old");
}

/* What a killed run left under our own name is not in the way. */
static void test_stale_temporary(void **state)
{
	struct fixture *f = *state;
	char stale[192];

	snprintf(stale, sizeof(stale), "%s.%d.0.tmp", f->path, (int)getpid());
	put(stale, "half");
	assert_int_equal(result_write(f->r, f->path, NULL), 0);
	expect_document(f->path);
	assert_int_equal(unlink(stale), 0);
}

static void test_stdout(void **state)
{
	struct fixture *f = *state;
	int saved = dup(STDOUT_FILENO),
	    fd = open(f->path, O_CREAT | O_WRONLY, 0600);
	int ret;

	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	ret = result_write(f->r, "-", NULL);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(fd);
	assert_int_equal(ret, 0);
	expect_document(f->path);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_new),
		CASE(test_replaced),
		CASE(test_symlink),
		CASE(test_device),
		CASE(test_nowhere),
		CASE(test_full),
		CASE(test_stale_temporary),
		CASE(test_stdout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
