/* SPDX-License-Identifier: MIT */
/* As much of JSON Schema as docs/results.schema.json uses. */
#ifndef TESTS_UNIT_REPORT_SCHEMA_H
#define TESTS_UNIT_REPORT_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * type, enum, required, properties, additionalProperties (a schema), items.
 * A key that an object's properties do not name is wrong too, unlike in JSON
 * Schema: whoever writes it must describe it. Writes what is wrong, and where, into @why. A schema with any other word is
 * wrong too: it would promise what nobody checks.
 */
bool schema_fits(const json_t *schema, const json_t *value, const char *path,
		 char *why, size_t bytes);

#endif
