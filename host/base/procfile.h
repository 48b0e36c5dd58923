/* SPDX-License-Identifier: MIT */
/*
 * Small text files in which the kernel describes itself: /proc, /sys.
 *
 * Reading is apart from parsing, so that the parsing is tested on text.
 */
#ifndef VMFERRY_BASE_PROCFILE_H
#define VMFERRY_BASE_PROCFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * procfile_read() - the beginning of a file as a string.
 * @text: @room bytes, at least 1; what is longer is cut off, the newline at
 *        the end is taken off. "" on failure.
 *
 * Return: 0 or -errno.
 */
int procfile_read(const char *path, char *text, size_t room);
/* The decimal number that a file begins with. 0, -EPROTO, or -errno. */
int procfile_read_u64(const char *path, uint64_t *ret_value);

/* The decimal number that @text begins with, after blanks. */
bool procfile_u64(const char *text, uint64_t *ret_value);
/*
 * What follows @key and its blanks and colon at the beginning of a line, to
 * the line's end: "model name\t: EPYC" gives "EPYC". False: there is none.
 */
bool procfile_field(const char *text, const char *key, char *value,
		    size_t room);
/* Does @text have @word between blanks? */
bool procfile_has_word(const char *text, const char *word);
/* "always [madvise] never" gives "madvise". */
bool procfile_chosen(const char *text, char *value, size_t room);
/* How many CPUs or nodes "0-3,8,10-11" lists; 0 if it is no such list. */
unsigned int procfile_list_count(const char *text);

#endif
