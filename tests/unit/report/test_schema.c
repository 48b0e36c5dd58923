/* SPDX-License-Identifier: MIT */
/*
 * Do the schema, the document and docs/results.md speak of the same keys?
 * usage: test-report-schema DOCS_FOLDER PARTS_OF_A_RESULT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/result.h"
#include "schema.h"

/* argv[1], argv[2]: cmocka's tests take no arguments */
static const char *docs, *parts;

static json_t *load_named(const char *name)
{
	char path[512];
	json_t *schema;

	snprintf(path, sizeof(path), "%s/%s.schema.json", docs, name);
	schema = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(schema);
	return schema;
}

static json_t *load_schema(void)
{
	return load_named("results");
}

/* @name of {params, sample, noise}, in which every key of a document stands
 * once. */
static json_t *load_part(const char *name)
{
	json_t *all = json_load_file(parts, JSON_REJECT_DUPLICATES, NULL);
	json_t *part = json_incref(json_object_get(all, name));

	assert_non_null(part);
	json_decref(all);
	return part;
}

static json_t *make_document(void)
{
	static const char *const figures[] = { "downtime_ms", "nothing" };
	static char *argv[] = { "vmferry", "migrate" };
	const struct result_params params = { .command = "migrate",
					      .version = "0.1.0",
					      .argc = 2,
					      .argv = argv };
	struct result *r;
	json_t *doc;

	assert_int_equal(result_create(&params, &r), 0);
	result_set_context(
		r, "vmm",
		json_pack("{s:s, s:s}", "name", "mini", "version", "0.1.0"));
	result_set_context(r, "accelerator", json_string("kvm"));
	result_set_context(r, "noise", load_part("noise"));
	result_set_params(r, load_part("params"));
	result_add_sample(r, load_part("sample"), true);
	result_add_sample(r, load_part("sample"), false);
	result_summarize(r, figures, 2);
	result_compare_variants(r);
	result_set_extra(r, "bundle", json_string("failure"));
	result_add_verdict(r, RESULT_FAIL);
	result_warn(r, "one");
	assert_int_equal(result_document(r, &doc), 0);
	result_destroy(r);
	return doc;
}

static void test_fits(void **state)
{
	json_t *schema = load_schema(), *doc = make_document();
	char why[512] = "";

	if (!schema_fits(schema, doc, "", why, sizeof(why)))
		fail_msg("%s", why);
	json_decref(doc);
	json_decref(schema);
}

static bool is_optional(const char *key)
{
	static const char *const names[] = { "warmup",	   "variant",
					     "b",	   "max_gap_us",
					     "difference", "summary_by_variant",
					     "bundle" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(key, names[i]))
			return true;
	return false;
}

/* Spoils each member of @value in turn, all the way down; counts them. */
static size_t spoil(const json_t *schema, json_t *doc, json_t *rule,
		    json_t *value)
{
	json_t *properties = json_object_get(rule, "properties"), *sub, *old;
	size_t nr = 0;
	const char *key;
	char why[512];

	if (json_is_array(value))
		return spoil(schema, doc, json_object_get(rule, "items"),
			     json_array_get(value, 0));
	json_object_foreach (properties, key, sub) {
		old = json_incref(json_object_get(value, key));
		if (!old)
			continue; /* absent in this one, or a scalar */
		if (!is_optional(key)) {
			json_object_del(value, key);
			if (schema_fits(schema, doc, "", why, sizeof(why)))
				fail_msg("nobody misses %s", key);
		}
		/* An array of arrays is no value of any of our keys. */
		json_object_set_new(value, key, json_pack("[[]]"));
		if (schema_fits(schema, doc, "", why, sizeof(why)))
			fail_msg("%s may be anything", key);
		json_object_set_new(value, key, old);
		nr += 1 + spoil(schema, doc, sub, old);
	}
	return nr;
}

static void test_each_key_is_required(void **state)
{
	json_t *schema = load_schema(), *doc = make_document();

	/* That many keys design.md, section 5, has at least. */
	assert_true(spoil(schema, doc, schema, doc) > 180);
	json_decref(doc);
	json_decref(schema);
}

static const struct {
	const char *path; /* of the member to replace, in a sample */
	const char *value;
} wrongs[] = {
	{ "ram_bytes", "null" },
	{ "wire_bytes", "1.5" },
	{ "tsc_ran_during_stop", "0" },
	{ "rounds", "[5]" },
	{ "integrity.bad", "{\"stale\": 0}" },
	{ "integrity.bad.torn", "null" },
	{ "integrity.bad.torn", "0.5" },
	{ "sabotage.kind", "\"burn\"" },
	{ "sabotage.gfns", "[\"5\"]" },
	{ "vcpu_state.differing", "[5]" },
	{ "vantage.stop_ms", "{\"wire\": 1}" },
	{ "excluded_bytes", "4096" },
	{ "vcpu_state.novelty", "1" },
	{ "novelty", "null" },
};

static void test_wrong_values(void **state)
{
	json_t *schema = load_schema(), *doc, *at;
	char why[512], path[64], *name, *save;
	size_t i;

	for (i = 0; i < sizeof(wrongs) / sizeof(*wrongs); i++) {
		doc = make_document();
		at = json_array_get(json_object_get(doc, "samples"), 1);
		strcpy(path, wrongs[i].path);
		name = strtok_r(path, ".", &save);
		while (*save) {
			at = json_object_get(at, name);
			name = strtok_r(NULL, ".", &save);
		}
		json_object_set_new(
			at, name,
			json_loads(wrongs[i].value, JSON_DECODE_ANY, NULL));
		if (schema_fits(schema, doc, "", why, sizeof(why)))
			fail_msg("%s may be %s", wrongs[i].path,
				 wrongs[i].value);
		json_decref(doc);
	}
	json_decref(schema);
}

/* Each key of the schema stands in docs/results.md, as `key`. */
static void look_for_keys(const json_t *rule, const char *text)
{
	json_t *properties = json_object_get(rule, "properties"), *sub;
	char quoted[128];
	const char *key;

	if (!rule)
		return;
	json_object_foreach (properties, key, sub) {
		snprintf(quoted, sizeof(quoted), "`%s`", key);
		if (!strstr(text, quoted))
			fail_msg("docs/results.md says nothing of %s", quoted);
		look_for_keys(sub, text);
	}
	look_for_keys(json_object_get(rule, "items"), text);
	look_for_keys(json_object_get(rule, "additionalProperties"), text);
}

static void test_documented(void **state)
{
	static const char *const names[] = { "results", "prealloc", "cycles" };
	char path[512], *text = NULL;
	json_t *schema;
	size_t room = 0, i;
	FILE *f;

	snprintf(path, sizeof(path), "%s/results.md", docs);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_true(getdelim(&text, &room, '\0', f) > 0);
	fclose(f);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		schema = load_named(names[i]);
		look_for_keys(schema, text);
		json_decref(schema);
	}
	free(text);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_each_key_is_required),
		cmocka_unit_test(test_wrong_values),
		cmocka_unit_test(test_documented),
	};

	if (argc != 3)
		return 99;
	docs = argv[1];
	parts = argv[2];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
