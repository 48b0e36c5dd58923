/* SPDX-License-Identifier: MIT */
/* Command lines by table. */
#include "tools/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"

int options_choice(const char *const *choices, const char *text)
{
	int i;

	for (i = 0; choices[i]; i++)
		if (!strcmp(choices[i], text))
			return i;
	return -1;
}

static const struct option_spec *find(const struct option_spec *const *tables,
				      const char *name, size_t len)
{
	const struct option_spec *o;

	for (; *tables; tables++)
		for (o = *tables; o->name; o++)
			if (strlen(o->name) == len &&
			    !strncmp(o->name, name, len))
				return o;
	return NULL;
}

static int parse_choice(const struct option_spec *o, const char *text,
			unsigned int *value, struct error *err)
{
	int index = options_choice(o->choices, text);
	char list[256] = "";
	size_t n = 0;
	int i;

	if (index >= 0) {
		*value = (unsigned int)index;
		return 0;
	}
	for (i = 0; o->choices[i] && n < sizeof(list); i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s",
				      i ? ", " : "", o->choices[i]);
	return error_set(err, -EINVAL, "--%s takes one of %s, not '%s'",
			 o->name, list, text);
}

static const char *expected(const struct option_spec *o)
{
	switch (o->kind) {
	case OPTION_SIZE:
		return "a size such as 512M or 4GiB";
	case OPTION_RATE:
		return "a rate such as 300M (bytes/s)";
	case OPTION_TIME:
		return "a time such as 200ms or 5s";
	default:
		return "a whole number";
	}
}

static const char *shown(const struct option_spec *o, uint64_t value,
			 char *text)
{
	switch (o->kind) {
	case OPTION_SIZE:
		return units_format_size(text, value);
	case OPTION_RATE:
		return units_format_rate(text, (double)value);
	case OPTION_TIME:
		return units_format_time(text, (double)value);
	default:
		snprintf(text, UNITS_TEXT_BYTES, "%" PRIu64, value);
		return text;
	}
}

static int parse_value(const struct option_spec *o, const char *text,
		       uint64_t *value, struct error *err)
{
	char low[UNITS_TEXT_BYTES], high[UNITS_TEXT_BYTES];
	uint64_t got = 0;
	int rc;

	switch (o->kind) {
	case OPTION_SIZE:
		rc = units_parse_size(text, &got);
		break;
	case OPTION_RATE:
		rc = units_parse_rate(text, &got);
		break;
	case OPTION_TIME:
		rc = units_parse_time(text, &got);
		break;
	default:
		rc = units_parse_u64(text, 0, UINT64_MAX, &got);
	}
	if (rc == -EINVAL)
		return error_set(err, rc, "--%s takes %s, not '%s'", o->name,
				 expected(o), text);
	if (rc || got < o->min || (o->max && got > o->max))
		return error_set(err, -EINVAL,
				 "--%s %s is out of range: %s to %s", o->name,
				 text, shown(o, o->min, low),
				 o->max ? shown(o, o->max, high) : "any");
	*value = got;
	return 0;
}

static int add_item(const struct option_spec *o, const char *text,
		    struct option_list *list, struct error *err)
{
	if (list->nr == OPTION_LIST_MAX)
		return error_set(err, -EINVAL, "--%s is given too often",
				 o->name);
	list->item[list->nr++] = text;
	return 0;
}

static int parse_option(const struct option_spec *o, const char *text,
			void *settings, struct error *err)
{
	char *at = (char *)settings + o->offset;

	switch (o->kind) {
	case OPTION_FLAG:
		*(bool *)at = true;
		return 0;
	case OPTION_ONOFF:
		if (strcmp(text, "on") && strcmp(text, "off"))
			return error_set(err, -EINVAL,
					 "--%s takes on or off, not '%s'",
					 o->name, text);
		*(bool *)at = !strcmp(text, "on");
		return 0;
	case OPTION_STRING:
		*(const char **)at = text;
		return 0;
	case OPTION_LIST:
		return add_item(o, text, (struct option_list *)at, err);
	case OPTION_CHOICE:
		return parse_choice(o, text, (unsigned int *)at, err);
	default:
		return parse_value(o, text, (uint64_t *)at, err);
	}
}

/* One option; further lines of its help stand under the first. */
static void print_option(const char *left, const char *text)
{
	int len;

	for (;;) {
		len = (int)strcspn(text, "\n");
		printf("  %-32s %.*s\n", left, len, text);
		if (!text[len])
			return;
		text += len + 1;
		left = "";
	}
}

static void print_help(const struct command_help *help,
		       const struct option_spec *const *tables)
{
	const struct option_spec *o;
	char left[64];

	printf("Usage: %s\n\n%s\n\nOptions:\n", help->usage, help->text);
	for (; *tables; tables++)
		for (o = *tables; o->name; o++) {
			if (!o->help)
				continue;
			snprintf(left, sizeof(left), "--%s %s", o->name,
				 o->value ? o->value : "");
			print_option(left, o->help);
		}
	print_option("--help", "this text");
	if (help->examples)
		printf("\nExamples:\n%s\n", help->examples);
}

/* argv[*@index], and the word after it if that is its value. */
static int take_option(int argc, char **argv, int *index,
		       const struct command_help *help,
		       const struct option_spec *const *tables, void *settings,
		       struct error *err)
{
	const char *name = argv[*index], *value, *equals;
	const struct option_spec *o;
	size_t len;

	if (strncmp(name, "--", 2) || !name[2])
		return error_set(
			err, -EINVAL, "'%s' is not an option; see '%.*s--help'",
			name, (int)strcspn(help->usage, "["), help->usage);
	name += 2;
	equals = strchr(name, '=');
	len = equals ? (size_t)(equals - name) : strlen(name);
	o = find(tables, name, len);
	if (!o)
		return error_set(err, -EINVAL,
				 "unknown option --%.*s; see --help", (int)len,
				 name);
	if (o->kind == OPTION_FLAG && equals)
		return error_set(err, -EINVAL, "--%s takes no value", o->name);
	value = equals ? equals + 1 : NULL;
	if (o->kind != OPTION_FLAG && !value) {
		if (*index + 1 == argc)
			return error_set(err, -EINVAL, "--%s lacks its value",
					 o->name);
		value = argv[++*index];
	}
	return parse_option(o, value, settings, err);
}

int options_parse(int argc, char **argv, const struct command_help *help,
		  const struct option_spec *const *tables, void *settings,
		  struct error *err)
{
	int i, rc = 0;

	for (i = 1; !rc && i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			print_help(help, tables);
			return 1;
		}
		rc = take_option(argc, argv, &i, help, tables, settings, err);
	}
	return rc;
}
