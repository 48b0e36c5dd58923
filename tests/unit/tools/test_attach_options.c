/* SPDX-License-Identifier: MIT */
/* Is what makes no sense together refused, in one sentence that names it? */
#include "tools/attach_options.h"

#include <errno.h>
#include <string.h>

#include "unit/unit.h"

#define A "unix:/run/a"
#define B "/run/b"

struct row {
	struct attach_choice c;
	bool has_workload;
	const char *argv[4]; /* behind the command's name */
	const char *sentence; /* part of it; NULL = fine */
};

static int resolve(const struct row *row, struct run_attach *attach,
		   struct error *err)
{
	char *argv[8] = { "migrate" };
	int argc = 1;

	for (; row->argv[argc - 1]; argc++)
		argv[argc] = (char *)row->argv[argc - 1];
	return attach_resolve(&row->c, argc, argv, row->has_workload, attach,
			      err);
}

static void test_rows(void **state)
{
	static const struct row rows[] = {
		{ { A, NULL, NULL, NULL, NULL }, false, { 0 }, "--target-qmp" },
		{ { NULL, B, NULL, NULL, NULL }, false, { 0 }, "--source-qmp" },
		{ { A, A, NULL, NULL, NULL }, false, { 0 }, "same machine" },
		{ { NULL, NULL, A, NULL, NULL },
		  false,
		  { 0 },
		  "--source-console is for" },
		{ { NULL, NULL, NULL, A, NULL },
		  false,
		  { 0 },
		  "--target-console is for" },
		{ { NULL, NULL, NULL, NULL, A }, false, { 0 }, "--uri is for" },
		{ { A, B, NULL, NULL, NULL }, true, { 0 }, "--workload needs" },
		{ { "a", B, NULL, NULL, NULL }, false, { 0 }, "not 'a'" },
		{ { A, "tcp:host", NULL, NULL, NULL },
		  false,
		  { 0 },
		  "--target-qmp takes" },
		{ { A, "tcp:host:0", NULL, NULL, NULL }, false, { 0 }, ":0" },
		{ { A, "tcp:host:65536", NULL, NULL, NULL },
		  false,
		  { 0 },
		  "65536" },
		{ { A, "unix:", NULL, NULL, NULL }, false, { 0 }, "'unix:'" },
		{ { A, B, "fd:3", NULL, NULL }, false, { 0 }, "'fd:3'" },
		{ { A, B, NULL, "", NULL }, false, { 0 }, "--target-console" },
		{ { A, B, NULL, NULL, "/run/m" }, false, { 0 }, "--uri takes" },
		{ { A, B, NULL, NULL, NULL },
		  false,
		  { "--ram", "1G" },
		  "--ram has no place" },
		{ { A, B, NULL, NULL, NULL },
		  false,
		  { "--hops=1" },
		  "--hops has no place" },
		{ { A, B, NULL, NULL, NULL },
		  false,
		  { "--json", "x", "--fault=y" },
		  "--fault has no place" },
		{ { A, B, NULL, NULL, NULL },
		  false,
		  { "--reserve", "off" },
		  "--reserve has no place" },
		/* No prefix of one, and not without machines. */
		{ { A, B, NULL, NULL, NULL }, false, { "--rampart" }, NULL },
		{ { 0 }, true, { "--ram", "1G" }, NULL },
		{ { A, B, A, "/dev/pts/1", "tcp:[::1]:4444" },
		  true,
		  { "--relay=on" },
		  NULL },
		{ { "tcp:h:1", "tcp:h:2", NULL, NULL, "unix:/run/m" },
		  false,
		  { 0 },
		  NULL },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct run_attach attach = { .uri = "untouched" };
		struct error err = { "" };
		int rc = resolve(&rows[i], &attach, &err);

		if (!rows[i].sentence) {
			if (rc)
				fail_msg("row %zu: %s", i, err.text);
			assert_ptr_equal(attach.uri, rows[i].c.uri);
			continue;
		}
		assert_int_equal(rc, -EINVAL);
		assert_string_equal(attach.uri, "untouched");
		if (!strstr(err.text, rows[i].sentence))
			fail_msg("row %zu: %s", i, err.text);
	}
}

static void test_keeps_the_workload(void **state)
{
	struct row row = { .c = { A, B, A, NULL, NULL } };
	struct run_attach attach;

	assert_int_equal(resolve(&row, &attach, NULL), 0);
	assert_true(attach.keep);
	row.has_workload = true;
	assert_int_equal(resolve(&row, &attach, NULL), 0);
	assert_false(attach.keep);
	row.c = (struct attach_choice){ 0 };
	row.has_workload = false;
	assert_int_equal(resolve(&row, &attach, NULL), 0);
	assert_false(attach.keep);
	assert_null(attach.source_qmp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_keeps_the_workload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
