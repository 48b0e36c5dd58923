/* SPDX-License-Identifier: MIT */
/* How a check says what it saw: the first word counts. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vfio/check_priv.h"

static void decide(struct check_run *r, enum check_result result,
		   const char *format, va_list args)
{
	if (r->decided)
		return;
	r->decided = true;
	r->result = result;
	vsnprintf(r->text, sizeof(r->text), format, args);
}

bool check_that(struct check_run *r, bool cond, const char *format, ...)
{
	va_list args;

	if (cond)
		return !r->decided;
	va_start(args, format);
	decide(r, CHECK_FAILED, format, args);
	va_end(args);
	return false;
}

void check_fail(struct check_run *r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	decide(r, CHECK_FAILED, format, args);
	va_end(args);
}

void check_differ(struct check_run *r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	decide(r, CHECK_DIFFERED, format, args);
	va_end(args);
}

void check_skip(struct check_run *r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	decide(r, CHECK_SKIPPED, format, args);
	va_end(args);
}

bool check_ok(struct check_run *r, int rc, const char *what)
{
	if (r->broken[0])
		return check_that(r, false, "%s: %s", what, r->broken);
	return check_that(r, !rc, "%s was refused: %s", what, strerror(-rc));
}

bool check_refused(struct check_run *r, int rc, const char *what)
{
	if (r->broken[0])
		return check_that(r, false, "%s: %s", what, r->broken);
	return check_that(r, rc, "%s was accepted", what);
}
