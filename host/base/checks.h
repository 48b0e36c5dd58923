/* SPDX-License-Identifier: MIT */
/* A list of what was found about the host, for `vmferry doctor`. */
#ifndef VMFERRY_BASE_CHECKS_H
#define VMFERRY_BASE_CHECKS_H

#include <stdbool.h>
#include <stddef.h>

enum check_state {
	CHECK_OK,
	CHECK_NOTE, /* works, but figures or features suffer */
	CHECK_PROBLEM, /* something will not work */
	CHECK_ABSENT, /* not there; nothing may need it */
};

struct check {
	char name[48]; /* "kvm.dirty_ring": group, dot, what */
	enum check_state state;
	char value[256]; /* what was found, for people */
	char advice[256]; /* what to change, one sentence; "" = nothing */
};

struct checks {
	struct check *list;
	size_t nr, room;
	int failed; /* -ENOMEM sticks */
	struct check spare; /* handed out without memory */
};

void checks_init(struct checks *c);
void checks_exit(struct checks *c);

/**
 * checks_add() - one row more, with "" as value and advice.
 * @name: cut to what fits.
 *
 * Return: the row, to be filled in by check_value() and check_advice() before
 * the next is added. Never NULL: without memory it is a row that nobody sees.
 */
struct check *checks_add(struct checks *c, enum check_state state,
			 const char *name);

/* Both return @check; what doesn't fit is cut. */
struct check *check_value(struct check *check, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
struct check *check_advice(struct check *check, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* "ok", "note", "problem", "absent". */
const char *check_state_name(enum check_state state);

/* The row of that name, or NULL. */
const struct check *checks_find(const struct checks *c, const char *name);

#endif
