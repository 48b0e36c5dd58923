/* SPDX-License-Identifier: MIT */
/* What was found about the host. */
#include "base/checks.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64u

void checks_init(struct checks *c)
{
	memset(c, 0, sizeof(*c));
}

void checks_exit(struct checks *c)
{
	free(c->list);
	checks_init(c);
}

static bool grow(struct checks *c)
{
	size_t room = c->room ? 2 * c->room : FIRST_ROOM;
	struct check *list;

	if (c->nr < c->room)
		return true;
	list = realloc(c->list, room * sizeof(*list));
	if (!list) {
		c->failed = -ENOMEM;
		return false;
	}
	c->list = list;
	c->room = room;
	return true;
}

struct check *checks_add(struct checks *c, enum check_state state,
			 const char *name)
{
	struct check *row = grow(c) ? &c->list[c->nr++] : &c->spare;

	memset(row, 0, sizeof(*row));
	row->state = state;
	snprintf(row->name, sizeof(row->name), "%s", name);
	return row;
}

struct check *check_value(struct check *check, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(check->value, sizeof(check->value), format, ap);
	va_end(ap);
	return check;
}

struct check *check_advice(struct check *check, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(check->advice, sizeof(check->advice), format, ap);
	va_end(ap);
	return check;
}

const char *check_state_name(enum check_state state)
{
	static const char *const names[] = { "ok", "note", "problem",
					     "absent" };

	return names[state];
}

const struct check *checks_find(const struct checks *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->nr; i++)
		if (!strcmp(c->list[i].name, name))
			return &c->list[i];
	return NULL;
}
