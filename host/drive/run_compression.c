/* SPDX-License-Identifier: MIT */
/* What a VMM says about compressing, in the words of the result. */
#include "drive/run_compression.h"

#include <math.h>

#define PAGE_BYTES 4096.0

static json_t *own(json_t *stats, const char *key)
{
	return json_object_get(json_object_get(stats, "x-vmferry"), key);
}

static double number(json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

/* 0 divided by 0 is none. */
static json_t *ratio(double part, double whole)
{
	return whole > 0 ? json_real(part / whole) : json_null();
}

static void copy_counts(json_t *from, json_t *to, const char *const (*keys)[2],
			size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		json_object_set(to, keys[i][1],
				json_object_get(from, keys[i][0]));
}

static void copy_seconds(json_t *from, json_t *to, const char *const (*keys)[2],
			 size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		json_object_set_new(to, keys[i][1],
				    json_real(number(from, keys[i][0]) / 1e9));
}

#define NR(array) (sizeof(array) / sizeof((array)[0]))

static json_t *worker(json_t *w)
{
	static const char *const counts[][2] = {
		{ "requests", "requests" },
		{ "pages", "pages" },
		{ "raw-pages", "raw_pages" },
		{ "probed-pages", "probed_pages" },
		{ "in-bytes", "in_bytes" },
		{ "out-bytes", "out_bytes" },
		{ "voluntary-switches", "voluntary_switches" },
		{ "involuntary-switches", "involuntary_switches" },
		{ "futex-calls", "futex_calls" },
	};
	static const char *const times[][2] = {
		{ "cpu-ns", "cpu_s" },
		{ "blocked-ns", "blocked_s" },
		{ "idle-ns", "idle_s" },
	};
	json_t *o = json_object();

	copy_counts(w, o, counts, NR(counts));
	copy_seconds(w, o, times, NR(times));
	return o;
}

static json_t *workers(json_t *side)
{
	json_t *list = json_array(), *w;
	size_t i;

	json_array_foreach (json_object_get(side, "workers"), i, w)
		json_array_append_new(list, worker(w));
	return list;
}

static json_t *cpu_s(json_t *side)
{
	json_t *list = side ? json_array() : NULL, *w;
	size_t i;

	json_array_foreach (json_object_get(side, "workers"), i, w)
		json_array_append_new(list,
				      json_real(number(w, "cpu-ns") / 1e9));
	return list;
}

static double sum(json_t *side, const char *key)
{
	double value = 0;
	json_t *w;
	size_t i;

	json_array_foreach (json_object_get(side, "workers"), i, w)
		value += number(w, key);
	return value;
}

/* Pages that were not zero against what they, and all else, took. */
static json_t *wire_ratio(json_t *rounds)
{
	double pages = 0, wire_bytes = 0;
	json_t *round;
	size_t i;

	json_array_foreach (rounds, i, round) {
		pages += number(round, "pages") - number(round, "zero-pages");
		wire_bytes += number(round, "wire-bytes");
	}
	return ratio(pages * PAGE_BYTES, wire_bytes);
}

static json_t *report(json_t *source, json_t *target)
{
	json_t *s = own(source, "compression");
	json_t *t = own(target, "compression");
	json_t *o = json_object();

	json_object_set(o, "pages", json_object_get(s, "pages"));
	json_object_set(o, "requests", json_object_get(s, "requests"));
	json_object_set(o, "busy_pages", json_object_get(s, "busy-pages"));
	json_object_set_new(o, "raw_pages",
			    json_integer((json_int_t)sum(s, "raw-pages")));
	json_object_set(o, "futex_calls", json_object_get(s, "futex-calls"));
	json_object_set_new(o, "codec_ratio",
			    ratio(sum(s, "in-bytes"), sum(s, "out-bytes")));
	json_object_set_new(o, "wire_ratio", wire_ratio(own(source, "rounds")));
	json_object_set_new(o, "compress", workers(s));
	json_object_set_new(o, "decompress", t ? workers(t) : json_null());
	return o;
}

static json_t *submitter(json_t *times)
{
	static const char *const keys[][2] = {
		{ "scan-ns", "scan_s" }, { "copy-ns", "copy_s" },
		{ "wait-ns", "wait_s" }, { "pace-ns", "pace_s" },
		{ "send-ns", "send_s" },
	};
	json_t *o = times ? json_object() : NULL;

	if (o)
		copy_seconds(times, o, keys, NR(keys));
	return o;
}

void run_compression_exit(struct run_compression *c)
{
	json_decref(c->report);
	json_decref(c->submitter);
	json_decref(c->compress_cpu_s);
	json_decref(c->decompress_cpu_s);
	*c = (struct run_compression){ .busy_ratio = NAN };
}

void run_compression_take(json_t *source, json_t *target,
			  struct run_compression *ret)
{
	json_t *s = own(source, "compression");
	double busy = number(s, "busy-pages"), taken = number(s, "pages");

	run_compression_exit(ret);
	ret->submitter = submitter(own(source, "submitter"));
	if (!s)
		return;
	ret->report = report(source, target);
	ret->compress_cpu_s = cpu_s(s);
	ret->decompress_cpu_s = cpu_s(own(target, "compression"));
	if (busy + taken > 0)
		ret->busy_ratio = busy / (busy + taken);
}

void run_compression_round(json_t *round, json_t *out)
{
	double busy = number(round, "busy-pages");
	double taken = number(round, "compressed-pages");

	json_object_set_new(out, "compressed_pages",
			    json_integer((json_int_t)taken));
	json_object_set_new(out, "busy_pages", json_integer((json_int_t)busy));
	json_object_set_new(out, "busy_ratio", ratio(busy, busy + taken));
}
