/* SPDX-License-Identifier: MIT */
/*
 * The result of one command: one JSON document, written whole or not at all.
 *
 * What goes in is taken over (json_t references, also on failure) or copied.
 * A failure to allocate sticks and comes out of result_write(), so that the
 * callers need not check every line. docs/results.md says what the keys mean.
 *
 * Context: one thread at a time.
 */
#ifndef VMFERRY_REPORT_RESULT_H
#define VMFERRY_REPORT_RESULT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define RESULT_SCHEMA_VERSION 1

/* In the order of precedence: the greatest one given wins. */
enum result_verdict {
	RESULT_NONE, /* nobody said anything: written as "error" */
	RESULT_SKIP, /* wins only if nothing at all ran */
	RESULT_PASS,
	RESULT_FAIL,
	RESULT_ERROR,
};

struct result;

struct result_params {
	const char *command; /* "migrate" */
	const char *version; /* vmferry's */
	int argc; /* the command line, for the context */
	char **argv;
};

/**
 * result_create() - an empty result that started now.
 *
 * Fills the context: vmferry_version, command_line, started_at, kernel,
 * cpu_model, nr_cpus, memory_bytes, huge_pages; vmm and accelerator are null
 * until result_set_context().
 */
int result_create(const struct result_params *params,
		  struct result **ret_result);
void result_destroy(struct result *r);

/* Replaces or adds context.@key; "vmm" is {name, version}. */
void result_set_context(struct result *r, const char *key, json_t *value);
/* The resolved configuration, an object. */
void result_set_params(struct result *r, json_t *params);
/* One repetition, an object; result adds "warmup": true where it is one. */
void result_add_sample(struct result *r, json_t *sample, bool warmup);
size_t result_nr_samples(const struct result *r);
/* A top-level key of one command's own ("cells", "probes"). */
void result_set_extra(struct result *r, const char *key, json_t *value);

/* One sentence for warnings[]; a repeated one is kept once. */
void result_warn(struct result *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* warnings[] gets "@key is null: @reason". */
void result_warn_null(struct result *r, const char *key, const char *reason);

/* The graver one of @verdict and what was given before stays. */
void result_add_verdict(struct result *r, enum result_verdict verdict);
enum result_verdict result_verdict(const struct result *r);
const char *result_verdict_name(enum result_verdict verdict);
/* 0 pass, 1 fail, 77 skip, 99 error and none. */
int result_exit_code(const struct result *r);

/**
 * result_summarize() - have `summary` computed for these figures.
 * @names: @nr dotted names of numbers in a sample: "downtime_ms",
 *         "dirty_rate.during_bytes_per_s"; borrowed until the result is
 *         written. Samples where it is null or absent are left out of n.
 *
 * Warm-ups don't count. A figure without any number has n = 0 and nulls.
 */
void result_summarize(struct result *r, const char *const *names, size_t nr);

/* The same statistics of some samples: {FIGURE: {n, min, median, ...}}. A new
 * reference, NULL if out of memory. */
json_t *result_statistics(json_t *samples, const char *const *names, size_t nr);

/**
 * result_compare_variants() - have `summary_by_variant` and `difference` made.
 *
 * Of samples with "variant": "a" or "b"; those with the same "repeat" and "hop"
 * are a pair. paired.h says how the difference is computed.
 */
void result_compare_variants(struct result *r);

/**
 * result_document() - the document as it would be written now.
 *
 * Return: 0 and a new reference, or what stuck (-ENOMEM).
 */
int result_document(struct result *r, json_t **ret_document);

/**
 * result_write() - write the document.
 * @path: replaced in one step (a file beside it, fsync, rename), so that it is
 *        the old one or the whole new one; what is no regular file is written
 *        to directly. "-" = stdout, "" or NULL = nowhere.
 *
 * Return: 0, or -errno with the sentence in @err.
 */
int result_write(struct result *r, const char *path, struct error *err);

/* A JSON string of any bytes: what is no UTF-8 becomes "?". NULL = null. */
json_t *result_string(const char *text);
/* A JSON number, or null if it is infinite or no number. */
json_t *result_number(double value);

#endif
