/* SPDX-License-Identifier: MIT */
/* One sentence about a failure. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

int error_set(struct error *e, int err, const char *format, ...)
{
	va_list ap;

	if (!e || e->text[0])
		return err;
	va_start(ap, format);
	vsnprintf(e->text, sizeof(e->text), format, ap);
	va_end(ap);
	return err;
}
