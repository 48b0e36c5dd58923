/* SPDX-License-Identifier: MIT */
/* A small printf, for one line at a time. */
#include "lib/print.h"

#include <stdbool.h>
#include <stdint.h>

struct printer {
	char *at;
	char *end; /* room for the NUL is behind it */
};

static void put(struct printer *p, char c)
{
	if (p->at < p->end)
		*p->at++ = c;
}

static void put_string(struct printer *p, const char *text)
{
	while (*text)
		put(p, *text++);
}

static void put_number(struct printer *p, uint64_t value, uint32_t base)
{
	char digits[20];
	uint32_t n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (n)
		put(p, digits[--n]);
}

size_t print_text_v(char *to, size_t bytes, const char *format, va_list args)
{
	struct printer p = { to, to + bytes - 1 };

	for (; *format; format++) {
		bool wide = false;

		if (*format != '%') {
			put(&p, *format);
			continue;
		}
		format++;
		if (*format == 'l') {
			wide = true;
			format++;
		}
		if (*format == 's')
			put_string(&p, va_arg(args, const char *));
		else if (*format == 'u' || *format == 'x')
			put_number(&p,
				   wide ? va_arg(args, unsigned long)
					: va_arg(args, unsigned int),
				   *format == 'x' ? 16 : 10);
		else if (*format == '%')
			put(&p, '%');
		else
			break;
	}
	*p.at = 0;
	return (size_t)(p.at - to);
}

size_t print_text(char *to, size_t bytes, const char *format, ...)
{
	va_list args;
	size_t n;

	va_start(args, format);
	n = print_text_v(to, bytes, format, args);
	va_end(args);
	return n;
}
