/* SPDX-License-Identifier: MIT */
/*
 * Sizes, rates, times and counts as people write them.
 *
 * K, M, G, T and KiB, MiB, ... are powers of 1024; KB, MB, GB, TB powers of
 * 1000. Parsing is strict: the whole string, no sign, no overflow, a fraction
 * only where it comes out whole (1.5G).
 */
#ifndef VMFERRY_BASE_UNITS_H
#define VMFERRY_BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* "512M", "4GiB", "4096" -> bytes. 0, -EINVAL, -ERANGE. */
int units_parse_size(const char *text, uint64_t *ret_bytes);
/* "300M", "300M/s", "0" -> bytes/s; "2000p" -> that many 4 KiB pages/s. */
int units_parse_rate(const char *text, uint64_t *ret_bytes_per_s);
/* "200ms", "5s", "10us", "3m", "1h", "150ns" -> ns; a bare number but 0 is
 * -EINVAL. */
int units_parse_time(const char *text, uint64_t *ret_ns);
/* Decimal or 0x hexadecimal within [@min, @max]. */
int units_parse_u64(const char *text, uint64_t min, uint64_t max,
		    uint64_t *ret);

#define UNITS_TEXT_BYTES 32

/*
 * All write a short text into @text (UNITS_TEXT_BYTES) and return it:
 * "1.5 GiB", "95.4 MiB/s", "12.3 ms".
 */
const char *units_format_size(char *text, uint64_t bytes);
const char *units_format_rate(char *text, double bytes_per_s);
const char *units_format_time(char *text, double ns);

#endif
