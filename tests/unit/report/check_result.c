/* SPDX-License-Identifier: MIT */
/*
 * Does a result file say what docs/results.schema.json says, no less and no
 * more? And has each null of a sample its reason?
 * usage: check_result SCHEMA RESULT; exit code 0, 1 with a sentence, or 99
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "schema.h"

/* Null where there is nothing to say, not where something was not measured. */
static bool may_be_null(const char *path)
{
	static const char *const free[] = { "failure", "sabotage",
					    "source_after" };
	size_t i;

	for (i = 0; i < sizeof(free) / sizeof(*free); i++)
		if (!strcmp(path, free[i]))
			return true;
	/* A side that cannot see it; a VMM's own words. */
	return !strncmp(path, "vantage.", 8) ||
	       !strncmp(path, "vmm_reported.", 13);
}

static bool has_reason(const json_t *warnings, const char *path)
{
	char begin[160];
	json_t *line;
	size_t i;

	snprintf(begin, sizeof(begin), "%s is null: ", path);
	json_array_foreach (warnings, i, line)
		if (!strncmp(json_string_value(line), begin, strlen(begin)))
			return true;
	return false;
}

/* The first null without a reason below @value; its name is @path. */
static bool nulls_explained(json_t *value, const json_t *warnings,
			    const char *path)
{
	char below[128];
	const char *key;
	json_t *member;
	bool good = true;
	size_t i;

	if (json_is_null(value) && !may_be_null(path) &&
	    !has_reason(warnings, path)) {
		fprintf(stderr, "%s is null without a reason\n", path);
		return false;
	}
	json_object_foreach (value, key, member) {
		snprintf(below, sizeof(below), "%s%s%s", path,
			 path[0] ? "." : "", key);
		good = nulls_explained(member, warnings, below) && good;
	}
	json_array_foreach (value, i, member)
		good = nulls_explained(member, warnings, path) && good;
	return good;
}

static json_t *load(const char *path)
{
	json_error_t error;
	json_t *value = json_load_file(path, JSON_REJECT_DUPLICATES, &error);

	if (!value)
		fprintf(stderr, "%s: %s\n", path, error.text);
	return value;
}

int main(int argc, char **argv)
{
	json_t *schema = argc == 3 ? load(argv[1]) : NULL;
	json_t *result = schema ? load(argv[2]) : NULL;
	char why[512] = "";
	bool good;

	if (!result) {
		json_decref(schema);
		return 99;
	}
	good = schema_fits(schema, result, "", why, sizeof(why));
	if (!good)
		fprintf(stderr, "%s: %s\n", argv[2], why);
	else
		good = nulls_explained(json_object_get(result, "samples"),
				       json_object_get(result, "warnings"), "");
	json_decref(result);
	json_decref(schema);
	return good ? 0 : 1;
}
