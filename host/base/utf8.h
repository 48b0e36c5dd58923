/* SPDX-License-Identifier: MIT */
/* UTF-8 of strangers: made fit for JSON and for a terminal. */
#ifndef VMFERRY_BASE_UTF8_H
#define VMFERRY_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/**
 * utf8_char_bytes() - length of the character that begins at @text.
 * @left: bytes there, at least 1.
 *
 * Return: 1..4, or 0 if the bytes are no character: cut short, overlong, a
 * surrogate, past U+10FFFF. Source: RFC 3629, section 4.
 */
size_t utf8_char_bytes(const char *text, size_t left);

/*
 * Makes each byte of @text that belongs to no character a '?', and each
 * control character too unless @keep_controls. The length stays.
 */
void utf8_clean(char *text, bool keep_controls);

/* Characters in @text; a broken byte counts as one. */
size_t utf8_count(const char *text);

#endif
