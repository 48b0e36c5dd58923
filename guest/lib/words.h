/* SPDX-License-Identifier: MIT */
/* Console lines and command lines: words, keys, numbers with units. */
#ifndef VMFERRY_GUEST_WORDS_H
#define VMFERRY_GUEST_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * words_next() - cut the next word off a line.
 * @line: in and out: the rest of the line; the word is NUL-terminated in it.
 *
 * Words are divided by spaces and tabs.
 *
 * Return: the word; NULL at the end of the line.
 */
char *words_next(char **line);

/* "key=value" -> the value, and @word cut to the key; NULL without "=". */
char *words_value(char *word);

/**
 * words_find() - the value of the first `key=` in a text.
 * @text: key=value words; not changed.
 * @value: gets the value, NUL-terminated, cut to @bytes.
 *
 * Return: true if the key occurs.
 */
bool words_find(const char *text, const char *key, char *value, size_t bytes);

/* Decimal, whole text. */
bool words_number(const char *text, uint64_t *ret);

/* "512M", "4GiB", "10MB", "4096": bytes; K.. and KiB.. 1024, KB.. 1000. */
bool words_size(const char *text, uint64_t *ret_bytes);

/* "200ms", "5s": a time with its unit. */
bool words_time(const char *text, uint64_t *ret_ms);

/* As words_size(), or "2000p": that many pages of 4096 bytes. */
bool words_rate(const char *text, uint64_t *ret_bytes_per_s);

/* "200ms", "5s": milliseconds. */
bool words_time(const char *text, uint64_t *ret_ms);

#endif
