/* SPDX-License-Identifier: MIT */
/* The result record: what goes in, and the document that comes out. */
#include "report/result.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "report/result_priv.h"

json_t *result_string(const char *text)
{
	char *clean;
	json_t *string;

	if (!text)
		return json_null();
	clean = strdup(text);
	if (!clean)
		return NULL;
	utf8_clean(clean, true);
	string = json_string(clean);
	free(clean);
	return string;
}

json_t *result_number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

void result_put(struct result *r, json_t *obj, const char *key, json_t *value)
{
	if (json_object_set_new(obj, key, value))
		r->failed = -ENOMEM;
}

int result_create(const struct result_params *params,
		  struct result **ret_result)
{
	struct result *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->command = result_string(params->command);
	r->context = json_object();
	r->params = json_object();
	r->samples = json_array();
	r->warnings = json_array();
	r->extra = json_object();
	r->steal_begin_ms = context_steal_ms();
	if (!r->command || !r->context || !r->params || !r->samples ||
	    !r->warnings || !r->extra) {
		result_destroy(r);
		return -ENOMEM;
	}
	context_fill(r, params);
	*ret_result = r;
	return 0;
}

void result_destroy(struct result *r)
{
	if (!r)
		return;
	json_decref(r->command);
	json_decref(r->context);
	json_decref(r->params);
	json_decref(r->samples);
	json_decref(r->warnings);
	json_decref(r->extra);
	free(r);
}

void result_set_context(struct result *r, const char *key, json_t *value)
{
	result_put(r, r->context, key, value);
}

void result_set_params(struct result *r, json_t *params)
{
	if (!params) {
		r->failed = -ENOMEM;
		return;
	}
	json_decref(r->params);
	r->params = params;
}

void result_add_sample(struct result *r, json_t *sample, bool warmup)
{
	if (warmup)
		result_put(r, sample, "warmup", json_true());
	if (json_array_append_new(r->samples, sample))
		r->failed = -ENOMEM;
}

size_t result_nr_samples(const struct result *r)
{
	return json_array_size(r->samples);
}

void result_set_extra(struct result *r, const char *key, json_t *value)
{
	result_put(r, r->extra, key, value);
}

static bool has_warning(const struct result *r, const json_t *text)
{
	json_t *old;
	size_t i;

	json_array_foreach (r->warnings, i, old)
		if (json_equal(old, text))
			return true;
	return false;
}

/* Takes @text over. */
static void add_warning(struct result *r, json_t *text)
{
	if (text && has_warning(r, text))
		json_decref(text);
	else if (json_array_append_new(r->warnings, text))
		r->failed = -ENOMEM;
}

void result_warn(struct result *r, const char *format, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0) {
		r->failed = -ENOMEM;
		return;
	}
	add_warning(r, result_string(text));
	free(text);
}

void result_warn_null(struct result *r, const char *key, const char *reason)
{
	result_warn(r, "%s is null: %s", key, reason);
}

void result_add_verdict(struct result *r, enum result_verdict verdict)
{
	if (verdict > r->verdict)
		r->verdict = verdict;
}

enum result_verdict result_verdict(const struct result *r)
{
	return r->verdict;
}

const char *result_verdict_name(enum result_verdict verdict)
{
	static const char *const name[] = {
		[RESULT_NONE] = "error",  [RESULT_SKIP] = "skip",
		[RESULT_PASS] = "pass",	  [RESULT_FAIL] = "fail",
		[RESULT_ERROR] = "error",
	};

	return name[verdict];
}

int result_exit_code(const struct result *r)
{
	static const int code[] = {
		[RESULT_NONE] = 99, [RESULT_SKIP] = 77,	 [RESULT_PASS] = 0,
		[RESULT_FAIL] = 1,  [RESULT_ERROR] = 99,
	};

	return code[r->verdict];
}

void result_summarize(struct result *r, const char *const *names, size_t nr)
{
	r->figures = names;
	r->nr_figures = nr;
}

void result_compare_variants(struct result *r)
{
	r->compare = true;
}

static void put_steal(struct result *r)
{
	uint64_t now_ms = context_steal_ms();

	if (now_ms < r->steal_begin_ms)
		now_ms = r->steal_begin_ms;
	result_put(r, r->context, "host_steal_ms",
		   json_integer((json_int_t)(now_ms - r->steal_begin_ms)));
}

int result_document(struct result *r, json_t **ret_document)
{
	json_t *summary, *doc;

	put_steal(r);
	summary = summary_create(r->samples, r->figures, r->nr_figures);
	doc = json_pack("{s:i, s:O, s:O, s:O, s:O, s:o, s:s, s:O}",
			"schema_version", RESULT_SCHEMA_VERSION, "command",
			r->command, "context", r->context, "params", r->params,
			"samples", r->samples, "summary", summary, "verdict",
			result_verdict_name(r->verdict), "warnings",
			r->warnings);
	if (!doc || json_object_update_missing(doc, r->extra))
		r->failed = -ENOMEM;
	if (doc && r->compare &&
	    difference_add(doc, r->samples, r->figures, r->nr_figures))
		r->failed = -ENOMEM;
	if (r->failed) {
		json_decref(doc);
		return r->failed;
	}
	*ret_document = doc;
	return 0;
}
