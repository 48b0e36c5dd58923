/* SPDX-License-Identifier: MIT */
/* A snapshot's state, value by value. */
#include "tools/dump_print.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/dump_state.h"

struct dump {
	json_t *machine, *vcpus; /* values by name */
};

/* Up to 8 bytes are a number, more a string of bytes in memory's order. */
static json_t *text_of(const uint8_t *value, size_t bytes)
{
	char *text = malloc(2 * bytes + 3);
	uint64_t number = 0;
	json_t *ret;
	size_t i;

	if (!text)
		return NULL;
	if (bytes <= sizeof(number)) {
		memcpy(&number, value, bytes);
		sprintf(text, "0x%" PRIx64, number);
	} else {
		for (i = 0; i < bytes; i++)
			sprintf(text + 2 * i, "%02x", value[i]);
	}
	ret = json_string(text);
	free(text);
	return ret;
}

static void add(void *ctx, int vcpu, const char *name, enum vm_value_kind kind,
		const void *value, size_t bytes)
{
	struct dump *d = ctx;
	json_t *o = d->machine;

	while (vcpu >= 0 && json_array_size(d->vcpus) <= (size_t)vcpu)
		json_array_append_new(d->vcpus, json_object());
	if (vcpu >= 0)
		o = json_array_get(d->vcpus, (size_t)vcpu);
	json_object_set_new_nocheck(o, name, text_of(value, bytes));
}

static void print(const char *title, json_t *values)
{
	const char *name;
	json_t *value;

	printf("%s: %zu values\n", title, json_object_size(values));
	json_object_foreach (values, name, value)
		printf("  %-28s %s\n", name, json_string_value(value));
}

int dump_print(const char *path, bool as_json, struct error *err)
{
	struct dump d = { json_object(), json_array() };
	int rc = dump_state(path, add, &d, err);
	json_t *whole =
		json_pack("{s:O, s:O}", "machine", d.machine, "vcpus", d.vcpus);
	char title[32];
	size_t i;

	if (!rc && as_json) {
		json_dumpf(whole, stdout, JSON_INDENT(1));
		putchar('\n');
	} else if (!rc) {
		print("machine", d.machine);
		for (i = 0; i < json_array_size(d.vcpus); i++) {
			snprintf(title, sizeof(title), "vCPU %zu", i);
			print(title, json_array_get(d.vcpus, i));
		}
	}
	json_decref(whole);
	json_decref(d.machine);
	json_decref(d.vcpus);
	return rc;
}
