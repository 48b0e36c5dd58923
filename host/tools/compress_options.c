/* SPDX-License-Identifier: MIT */
/* Options of `vmferry compress`, and what belongs together. */
#include "tools/compress_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "report/result.h"
#include "tools/common.h"
#include "tools/compress_memory.h"
#include "tools/words.h"

#define AT(field) offsetof(struct compress_settings, field)
#define MAX_SPIN_NS 1000000000ull

const struct option_spec compress_options[] = {
	{ "ram", OPTION_SIZE, AT(ram_bytes), "SIZE",
	  "memory, whole requests of 64K (default 128M)", 65536, 1ull << 40,
	  NULL },
	{ "content", OPTION_STRING, AT(content), "WHAT",
	  "random, zero, text, or r:N: zlib level 1 makes it N times\n"
	  "smaller (default r:4)",
	  0, 0, NULL },
	{ "engine", OPTION_STRING, AT(engine_text), "NAME",
	  "ring (default), locked: the way of before, or both", 0, 0, NULL },
	{ "threads", OPTION_STRING, AT(threads_text), "N,...",
	  "1 to 64 (default 2); of several, one after the other", 0, 0, NULL },
	{ "codec", OPTION_STRING, AT(codec_text), "NAME",
	  "zlib (default), libdeflate, zstd, lz4", 0, 0, NULL },
	{ "level", OPTION_STRING, AT(level_text), "N",
	  "zlib 0 to 9, libdeflate 0 to 12, zstd -5 to 19, lz4 -5 to 12\n"
	  "(default 1)",
	  0, 0, NULL },
	{ "batch", OPTION_NUMBER, AT(batch), "PAGES",
	  "adjacent pages compressed as one, 1 to 16 (default 1)", 1,
	  COMPRESS_MAX_PAGES, NULL },
	{ "wait", OPTION_ONOFF, AT(wait), "on|off",
	  "with no worker free: wait (default on), or copy the pages as they\n"
	  "are",
	  0, 0, NULL },
	{ "probe", OPTION_ONOFF, AT(probe), "on|off",
	  "look for random pages before trying them (default on)", 0, 0, NULL },
	{ "capacity", OPTION_NUMBER, AT(capacity), "N",
	  "requests in a worker's ring, 2^n (default: 4 of 64K, and of smaller\n"
	  "ones up to 32)",
	  1, COMPRESS_MAX_CAPACITY, NULL },
	{ "scan", OPTION_CHOICE, AT(scan), "ORDER",
	  "where room is looked for: awake workers first (default), first:\n"
	  "in their order, robin: in turn",
	  0, 0, compress_scan_names },
	{ "awake", OPTION_NUMBER, AT(max_awake), "N",
	  "with --scan awake: wake so many (default: the CPUs)", 1,
	  COMPRESS_MAX_THREADS, NULL },
	{ "spin", OPTION_TIME, AT(spin_ns), "TIME",
	  "spin so long before sleeping (default: 20us, and not at all with\n"
	  "fewer CPUs than threads)",
	  0, MAX_SPIN_NS, NULL },
	{ "compare", OPTION_FLAG, AT(compare), "",
	  "both engines, with 1, 2, 4, 8, 16, 32 and 64 threads", 0, 0, NULL },
	{ "repeat", OPTION_NUMBER, AT(repeat), "N", "how often (default 3)", 1,
	  100000, NULL },
	{ "warmup", OPTION_NUMBER, AT(warmup), "N", "before that (default 1)",
	  0, 1000, NULL },
	{ "json", OPTION_STRING, AT(json), "FILE|-",
	  "write the result there; -: to stdout, tables to stderr", 0, 0,
	  NULL },
	{ "dry-run", OPTION_FLAG, AT(dry_run), "",
	  "print the resolved configuration and stop", 0, 0, NULL },
	{ .name = NULL },
};

void compress_defaults(struct compress_settings *s)
{
	*s = (struct compress_settings){
		.ram_bytes = 128ull << 20,
		.content = "r:4",
		.codec_text = "zlib",
		.batch = 1,
		.wait = true,
		.probe = true,
		.spin_ns = COMPRESS_SPIN_AUTO,
		.repeat = 3,
		.warmup = 1,
	};
}

static int resolve_codec(struct compress_settings *s, struct error *err)
{
	char *end;
	long level;

	s->codec = codec_by_name(s->codec_text);
	if (!s->codec)
		return error_set(err, -EINVAL,
				 "--codec takes one of zlib, libdeflate, zstd, "
				 "lz4, not '%s'",
				 s->codec_text);
	s->level = s->codec->level_default;
	if (!s->level_text)
		return 0;
	errno = 0;
	level = strtol(s->level_text, &end, 10);
	if (errno || end == s->level_text || *end ||
	    level < s->codec->level_min || level > s->codec->level_max)
		return error_set(err, -EINVAL,
				 "%s has --level %d to %d, not '%s'",
				 s->codec->name, s->codec->level_min,
				 s->codec->level_max, s->level_text);
	s->level = (int)level;
	return 0;
}

static int resolve_engine(struct compress_settings *s, struct error *err)
{
	const char *text = s->engine_text;
	int one;

	if (!text)
		text = s->compare ? "both" : "ring";
	if (!strcmp(text, "both")) {
		s->nr_engines = COMPRESS_NR_ENGINES;
		s->engine[0] = COMPRESS_RING;
		s->engine[1] = COMPRESS_LOCKED;
		return 0;
	}
	one = options_choice(compress_engine_names, text);
	if (one < 0)
		return error_set(err, -EINVAL,
				 "--engine takes one of ring, locked, both, "
				 "not '%s'",
				 text);
	s->nr_engines = 1;
	s->engine[0] = (enum compress_engine)one;
	return 0;
}

static int count_word(const char *word, uint64_t *ret)
{
	return units_parse_u64(word, 1, COMPRESS_MAX_THREADS, ret);
}

static int resolve_threads(struct compress_settings *s, struct error *err)
{
	const char *text = s->threads_text;
	uint64_t nr[COMPRESS_MAX_COUNTS];
	char expected[64];
	unsigned int i;
	int rc;

	if (!text)
		text = s->compare ? "1,2,4,8,16,32,64" : "2";
	snprintf(expected, sizeof(expected),
		 "numbers of 1 to %u with commas between them",
		 COMPRESS_MAX_THREADS);
	rc = words_list("threads", expected, text, count_word, nr,
			COMPRESS_MAX_COUNTS, &s->nr_counts, err);
	for (i = 0; !rc && i < s->nr_counts; i++)
		s->threads[i] = (unsigned int)nr[i];
	return rc;
}

int compress_resolve(struct compress_settings *s, struct error *err)
{
	uint64_t request = COMPRESS_MAX_PAGES * COMPRESS_MEMORY_PAGE;
	int rc;

	if (s->ram_bytes % request)
		return error_set(err, -EINVAL,
				 "--ram must be a multiple of 64K");
	if (s->capacity & (s->capacity - 1))
		return error_set(err, -EINVAL,
				 "--capacity takes a power of two");
	if (s->max_awake && s->scan != COMPRESS_SCAN_AWAKE)
		return error_set(err, -EINVAL, "--awake is of --scan awake");
	rc = compress_memory_check(s->content, err);
	if (!rc)
		rc = resolve_codec(s, err);
	if (!rc)
		rc = resolve_engine(s, err);
	if (!rc)
		rc = resolve_threads(s, err);
	if (!rc)
		rc = common_check_json(s->json, err);
	return rc;
}

static json_t *list_json(const struct compress_settings *s, bool engines)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < (engines ? s->nr_engines : s->nr_counts); i++)
		json_array_append_new(
			list,
			engines ? json_string(
					  compress_engine_names[s->engine[i]])
				: json_integer(s->threads[i]));
	return list;
}

json_t *compress_params_json(const struct compress_settings *s)
{
	struct compress_params p =
		compress_params_of(s, s->engine[0], s->threads[0]);

	return json_pack(
		"{s:I, s:s, s:o, s:o, s:s, s:i, s:I, s:b, s:b, s:i, s:s, s:o, "
		"s:o, s:I, s:I}",
		"ram_bytes", (json_int_t)s->ram_bytes, "content", s->content,
		"engines", list_json(s, true), "threads", list_json(s, false),
		"codec", s->codec->name, "level", s->level, "batch_pages",
		(json_int_t)s->batch, "wait", s->wait, "probe", s->probe,
		"capacity",
		(int)(p.capacity ? p.capacity : compress_capacity(p.max_pages)),
		"scan", compress_scan_names[s->scan], "max_awake",
		s->max_awake ? json_integer((json_int_t)s->max_awake)
			     : json_null(),
		"spin_us",
		s->spin_ns == COMPRESS_SPIN_AUTO
			? json_null()
			: json_real((double)s->spin_ns / 1e3),
		"repeat", (json_int_t)s->repeat, "warmup",
		(json_int_t)s->warmup);
}

struct compress_params compress_params_of(const struct compress_settings *s,
					  enum compress_engine engine,
					  unsigned int threads)
{
	return (struct compress_params){
		.engine = engine,
		.direction = CODEC_COMPRESS,
		.codec = s->codec,
		.level = s->level,
		.nr_threads = threads,
		.wait = s->wait,
		.max_pages = (unsigned int)s->batch,
		.no_probe = !s->probe,
		.capacity = (unsigned int)s->capacity,
		.scan = (enum compress_scan)s->scan,
		.spin_ns = s->spin_ns,
		.max_awake = (unsigned int)s->max_awake,
	};
}

FILE *compress_out(const struct compress_settings *s)
{
	return s->json && !strcmp(s->json, "-") ? stderr : stdout;
}
