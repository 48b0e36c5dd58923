/* SPDX-License-Identifier: MIT */
/* The few string functions that the guest needs; no libc. */
#ifndef VMFERRY_GUEST_STRING_H
#define VMFERRY_GUEST_STRING_H

#include <stdbool.h>
#include <stddef.h>

size_t string_length(const char *text);
/* At most @max, also if no NUL comes before. */
size_t string_length_max(const char *text, size_t max);
bool string_equal(const char *a, const char *b);

/* Copy with a NUL, cut to @bytes (at least 1). Return: bytes without it. */
size_t string_copy(char *to, size_t bytes, const char *from);

#ifndef VMFERRY_GUEST_HOSTED
/* The compiler calls these by itself. */
void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
#else
#include <string.h>
#endif

#endif
