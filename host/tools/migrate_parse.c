/* SPDX-License-Identifier: MIT */
/* Values of migrate's options that are words of their own. */
#include "tools/migrate_parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "report/result.h"
#include "tools/words.h"

static int look_word(const char *word, uint64_t *ret)
{
	static const char *const names[] = { "switchover", "inline", "after",
					     NULL };
	int index = options_choice(names, word);

	*ret = (uint64_t)index;
	return index < 0;
}

int migrate_parse_verify(const char *text, unsigned int *ret_verify,
			 struct error *err)
{
	uint64_t look[8];
	unsigned int nr, i;
	int rc = words_list("verify",
			    "switchover, inline and after, joined by commas",
			    text, look_word, look, 8, &nr, err);

	if (rc)
		return rc;
	*ret_verify = 0;
	for (i = 0; i < nr; i++)
		*ret_verify |= 1u << look[i];
	return 0;
}

int migrate_parse_fault(const char *text, const char **ret_phase,
			struct error *err)
{
	static const char *const phases[] = { "setup", "final-ram", "state",
					      "ready", "committed", NULL };
	const char *at = strchr(text, '@'), *phase = at ? at + 1 : "";
	uint64_t round;

	if (strncmp(text, "kill-target@", 12) ||
	    (options_choice(phases, phase) < 0 &&
	     (strncmp(phase, "round:", 6) ||
	      units_parse_u64(phase + 6, 1, 1000000, &round))))
		return error_set(err, -EINVAL,
				 "--fault takes kill-target@PHASE with PHASE "
				 "one of setup, round:N, final-ram, state, "
				 "ready, committed, not '%s'",
				 text);
	*ret_phase = phase;
	return 0;
}

static int split_pair(const char *option, const char *text, char *name,
		      size_t room, const char **ret_value, struct error *err)
{
	size_t len = strcspn(text, "=");

	if (!text[len] || !len || len >= room)
		return error_set(err, -EINVAL,
				 "--%s takes NAME=VALUE, not "
				 "'%s'",
				 option, text);
	memcpy(name, text, len);
	name[len] = '\0';
	*ret_value = text + len + 1;
	return 0;
}

int migrate_parse_capabilities(const struct option_list *list, json_t *ret,
			       struct error *err)
{
	const char *value = "";
	unsigned int i;
	char name[64];
	int rc;

	for (i = 0; i < list->nr; i++) {
		rc = split_pair("qemu-capability", list->item[i], name,
				sizeof(name), &value, err);
		if (rc)
			return rc;
		if (strcmp(value, "on") && strcmp(value, "off"))
			return error_set(err, -EINVAL,
					 "--qemu-capability %s is on or off, "
					 "not '%s'",
					 name, value);
		json_object_set_new(ret, name,
				    json_boolean(!strcmp(value, "on")));
	}
	return 0;
}

/* on, off, a whole number, or a word. */
static json_t *parameter_value(const char *text)
{
	uint64_t number;

	if (!strcmp(text, "on") || !strcmp(text, "off"))
		return json_boolean(!strcmp(text, "on"));
	if (!units_parse_u64(text, 0, INT64_MAX, &number))
		return json_integer((json_int_t)number);
	return result_string(text);
}

int migrate_parse_parameters(const struct option_list *list, json_t *ret,
			     struct error *err)
{
	const char *value = "";
	unsigned int i;
	char name[64];
	int rc;

	for (i = 0; i < list->nr; i++) {
		rc = split_pair("qemu-parameter", list->item[i], name,
				sizeof(name), &value, err);
		if (rc)
			return rc;
		json_object_set_new(ret, name, parameter_value(value));
	}
	return 0;
}
