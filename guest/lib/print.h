/* SPDX-License-Identifier: MIT */
/* A small printf. */
#ifndef VMFERRY_GUEST_PRINT_H
#define VMFERRY_GUEST_PRINT_H

#include <stdarg.h>
#include <stddef.h>

/**
 * print_text() - format into @to, always NUL-terminated, cut if too long.
 * @bytes: size of @to, at least 1.
 *
 * Knows %s, %u, %x (unsigned), %lu, %lx (uint64_t) and %%.
 *
 * Return: characters in @to without the NUL.
 */
size_t print_text(char *to, size_t bytes, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
size_t print_text_v(char *to, size_t bytes, const char *format, va_list args);

#endif
