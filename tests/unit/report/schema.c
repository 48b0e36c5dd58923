/* SPDX-License-Identifier: MIT */
/* A small validator, for the tests only. */
#include "schema.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct where {
	const char *path;
	char *why;
	size_t bytes;
};

static bool wrong(const struct where *at, const char *what, const char *detail)
{
	snprintf(at->why, at->bytes, "%s: %s %s", at->path, what, detail);
	return false;
}

static bool is_of_type(const char *type, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_NULL:
		return !strcmp(type, "null");
	case JSON_TRUE:
	case JSON_FALSE:
		return !strcmp(type, "boolean");
	case JSON_INTEGER:
		return !strcmp(type, "integer") || !strcmp(type, "number");
	case JSON_REAL:
		return !strcmp(type, "number");
	case JSON_STRING:
		return !strcmp(type, "string");
	case JSON_ARRAY:
		return !strcmp(type, "array");
	case JSON_OBJECT:
		return !strcmp(type, "object");
	}
	return false;
}

static bool type_fits(const json_t *types, const json_t *value,
		      const struct where *at)
{
	const json_t *type;
	size_t i;

	if (json_is_string(types))
		return is_of_type(json_string_value(types), value) ||
		       wrong(at, "is no", json_string_value(types));
	json_array_foreach (types, i, type)
		if (is_of_type(json_string_value(type), value))
			return true;
	return wrong(at, "has none of", "its types");
}

static bool enum_fits(const json_t *allowed, const json_t *value,
		      const struct where *at)
{
	const json_t *one;
	size_t i;

	json_array_foreach (allowed, i, one)
		if (json_equal(one, value))
			return true;
	return wrong(at, "is none of", "the allowed values");
}

static bool required_fits(const json_t *names, const json_t *value,
			  const struct where *at)
{
	const json_t *name;
	size_t i;

	if (!json_is_object(value))
		return true;
	json_array_foreach (names, i, name)
		if (!json_object_get(value, json_string_value(name)))
			return wrong(at, "lacks", json_string_value(name));
	return true;
}

static bool members_fit(const json_t *schema, const json_t *value,
			const struct where *at)
{
	const json_t *properties = json_object_get(schema, "properties");
	const json_t *others = json_object_get(schema, "additionalProperties");
	const json_t *rule;
	const char *key;
	json_t *member;
	char path[256];

	json_object_foreach ((json_t *)(uintptr_t)value, key, member) {
		rule = json_object_get(properties, key);
		if (!rule)
			rule = others;
		if (!rule && properties)
			return wrong(at, "has, and the schema does not know,",
				     key);
		snprintf(path, sizeof(path), "%s.%s", at->path, key);
		if (rule &&
		    !schema_fits(rule, member, path, at->why, at->bytes))
			return false;
	}
	return true;
}

static bool items_fit(const json_t *rule, const json_t *value,
		      const struct where *at)
{
	const json_t *item;
	char path[256];
	size_t i;

	json_array_foreach (value, i, item) {
		snprintf(path, sizeof(path), "%s[%zu]", at->path, i);
		if (!schema_fits(rule, item, path, at->why, at->bytes))
			return false;
	}
	return true;
}

static bool word_fits(const char *word, const json_t *rule, const json_t *value,
		      const struct where *at)
{
	static const char *const others[] = { "properties", "$schema", "title",
					      "additionalProperties",
					      "description" };
	size_t i;

	if (!strcmp(word, "type"))
		return type_fits(rule, value, at);
	if (!strcmp(word, "enum"))
		return enum_fits(rule, value, at);
	if (!strcmp(word, "required"))
		return required_fits(rule, value, at);
	if (!strcmp(word, "items"))
		return items_fit(rule, value, at);
	for (i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (!strcmp(word, others[i]))
			return true;
	return wrong(at, "has a rule unknown here,", word);
}

bool schema_fits(const json_t *schema, const json_t *value, const char *path,
		 char *why, size_t bytes)
{
	const struct where at = { path, why, bytes };
	const char *word;
	json_t *rule;

	json_object_foreach ((json_t *)(uintptr_t)schema, word, rule)
		if (!word_fits(word, rule, value, &at))
			return false;
	return members_fit(schema, value, &at);
}
