/* SPDX-License-Identifier: MIT */
/*
 * One sentence about what failed, for the layers that know what was tried.
 *
 * The -errno that a function returns says what kind of failure it was; the
 * sentence says what was tried, on what, why it failed and what to do.
 */
#ifndef VMFERRY_BASE_ERROR_H
#define VMFERRY_BASE_ERROR_H

struct error {
	char text[512]; /* "" = none; no newline, no full stop */
};

/**
 * error_set() - write the sentence and return @err.
 * @e: may be NULL.
 * @err: negative errno, returned as it is.
 *
 * The first sentence stays: the innermost layer knows best.
 */
int error_set(struct error *e, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
