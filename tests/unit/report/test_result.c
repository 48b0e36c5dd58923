/* SPDX-License-Identifier: MIT */
/* Does the document say what was put in, and does the worst verdict win? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/result.h"

static struct result *create(void)
{
	static char *argv[] = { "vmferry", "migrate", "--json", "-\xff" };
	const struct result_params params = {
		.command = "migrate",
		.version = "0.1.0",
		.argc = 4,
		.argv = argv,
	};
	struct result *r = NULL;

	assert_int_equal(result_create(&params, &r), 0);
	return r;
}

static json_t *finish(struct result *r)
{
	json_t *doc = NULL;

	assert_int_equal(result_document(r, &doc), 0);
	result_destroy(r);
	return doc;
}

/* doc["a"]["b"] as text, compact. */
static void expect(json_t *doc, const char *a, const char *b, const char *want)
{
	json_t *value = json_object_get(doc, a);
	char *text;

	if (b)
		value = json_is_array(value)
				? json_array_get(value, (size_t)(b[0] - '0'))
				: json_object_get(value, b);
	text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	assert_string_equal(text ? text : "(none)", want);
	free(text);
}

static void test_empty(void **state)
{
	json_t *doc = finish(create());

	expect(doc, "schema_version", NULL, "1");
	expect(doc, "command", NULL, "\"migrate\"");
	expect(doc, "verdict", NULL, "\"error\"");
	expect(doc, "params", NULL, "{}");
	expect(doc, "samples", NULL, "[]");
	expect(doc, "summary", NULL, "{}");
	expect(doc, "warnings", NULL, "[]");
	expect(doc, "context", "vmferry_version", "\"0.1.0\"");
	expect(doc, "context", "command_line",
	       "[\"vmferry\",\"migrate\",\"--json\",\"-?\"]");
	expect(doc, "context", "vmm", "null");
	assert_true(json_integer_value(json_object_get(
			    json_object_get(doc, "context"), "nr_cpus")) > 0);
	json_decref(doc);
}

struct precedence {
	enum result_verdict given[3], wins;
	int exit_code;
	const char *name;
};

static const struct precedence precedences[] = {
	{ { RESULT_NONE }, RESULT_NONE, 99, "error" },
	{ { RESULT_PASS }, RESULT_PASS, 0, "pass" },
	{ { RESULT_SKIP }, RESULT_SKIP, 77, "skip" },
	{ { RESULT_SKIP, RESULT_PASS }, RESULT_PASS, 0, "pass" },
	{ { RESULT_PASS, RESULT_SKIP }, RESULT_PASS, 0, "pass" },
	{ { RESULT_FAIL, RESULT_PASS, RESULT_SKIP }, RESULT_FAIL, 1, "fail" },
	{ { RESULT_SKIP, RESULT_FAIL }, RESULT_FAIL, 1, "fail" },
	{ { RESULT_ERROR, RESULT_FAIL }, RESULT_ERROR, 99, "error" },
	{ { RESULT_FAIL, RESULT_ERROR, RESULT_PASS },
	  RESULT_ERROR,
	  99,
	  "error" },
};

static void test_verdicts(void **state)
{
	const struct precedence *p = precedences;
	struct result *r;
	size_t i, j;

	for (i = 0; i < sizeof(precedences) / sizeof(*precedences); i++, p++) {
		r = create();
		for (j = 0; j < 3; j++)
			result_add_verdict(r, p->given[j]);
		assert_int_equal(result_verdict(r), p->wins);
		assert_int_equal(result_exit_code(r), p->exit_code);
		assert_string_equal(result_verdict_name(p->wins), p->name);
		result_destroy(r);
	}
}

static void test_summary(void **state)
{
	static const char *const figures[] = { "ms", "a.b", "none", "a" };
	struct result *r = create();
	json_t *doc;

	result_add_sample(r, json_pack("{s:i}", "ms", 1000), true);
	result_add_sample(
		r, json_pack("{s:i, s:{s:f}}", "ms", 1, "a", "b", 0.5), false);
	result_add_sample(r, json_pack("{s:i, s:{s:n}}", "ms", 3, "a", "b"),
			  false);
	result_summarize(r, figures, 4);
	doc = finish(r);
	expect(doc, "summary", "ms",
	       "{\"n\":2,\"min\":1.0,\"median\":2.0,\"mean\":2.0,\"stddev\":"
	       "1.4142135623730951,\"p99\":3.0,\"max\":3.0}");
	expect(doc, "summary", "a.b",
	       "{\"n\":1,\"min\":0.5,\"median\":0.5,\"mean\":0.5,\"stddev\":"
	       "0.0,\"p99\":0.5,\"max\":0.5}");
	expect(doc, "summary", "none",
	       "{\"n\":0,\"min\":null,\"median\":null,\"mean\":null,"
	       "\"stddev\":null,\"p99\":null,\"max\":null}");
	expect(doc, "samples", "0", "{\"ms\":1000,\"warmup\":true}");
	expect(doc, "samples", "2", "{\"ms\":3,\"a\":{\"b\":null}}");
	json_decref(doc);
}

static void test_contents(void **state)
{
	struct result *r = create();
	json_t *doc;

	result_set_params(r, json_pack("{s:i}", "cpus", 2));
	result_set_context(r, "accelerator", json_string("kvm"));
	result_set_extra(r, "cells", json_array());
	result_set_extra(r, "command", json_string("other")); /* not so */
	result_warn(r, "%s \xff %d", "odd", 5);
	result_warn_null(r, "busy_ratio", "one thread");
	result_warn_null(r, "busy_ratio", "one thread");
	doc = finish(r);
	expect(doc, "params", NULL, "{\"cpus\":2}");
	expect(doc, "context", "accelerator", "\"kvm\"");
	expect(doc, "cells", NULL, "[]");
	expect(doc, "command", NULL, "\"migrate\"");
	expect(doc, "warnings", NULL,
	       "[\"odd ? 5\",\"busy_ratio is null: one thread\"]");
	json_decref(doc);
}

static void test_values(void **state)
{
	json_t *value;

	value = result_number(NAN);
	assert_true(json_is_null(value));
	value = result_number(1.5);
	assert_true(json_real_value(value) == 1.5);
	json_decref(value);
	value = result_string(NULL);
	assert_true(json_is_null(value));
}

/* What could not be stored is told at the end. */
static void test_failure_sticks(void **state)
{
	struct result *r = create();
	struct error err = { "" };
	json_t *doc = NULL;

	result_add_sample(r, NULL, true);
	assert_int_equal(result_document(r, &doc), -ENOMEM);
	assert_null(doc);
	assert_int_equal(result_write(r, "-", &err), -ENOMEM);
	assert_string_equal(err.text, "result: Cannot allocate memory");
	result_destroy(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_contents),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_failure_sticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
