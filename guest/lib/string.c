/* SPDX-License-Identifier: MIT */
/* Strings, in plain loops: they run in both rings. */
#include "lib/string.h"

size_t string_length(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	return n;
}

size_t string_length_max(const char *text, size_t max)
{
	size_t n = 0;

	while (n < max && text[n])
		n++;
	return n;
}

bool string_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

size_t string_copy(char *to, size_t bytes, const char *from)
{
	size_t n = 0;

	while (n + 1 < bytes && from[n]) {
		to[n] = from[n];
		n++;
	}
	to[n] = 0;
	return n;
}
