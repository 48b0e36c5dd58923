/* SPDX-License-Identifier: MIT */
/* The options of compression, for a migration by either VMM. */
#include "tools/migrate_compress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/compress_qemu.h"
#include "migrate/compress.h"
#include "tools/migrate_options.h"

static const char *const names[] = { "none", "zlib", "libdeflate",
				     "zstd", "lz4",  NULL };
static const char *const engines[] = { "ring", "locked", NULL };

#define AT(field) offsetof(struct migrate_settings, compress.field)

const struct option_spec migrate_compress_options[] = {
	{ "compress", OPTION_CHOICE, AT(codec), "CODEC",
	  "compress guest memory: none (default), zlib, libdeflate\n"
	  "(its format too), zstd or lz4",
	  0, 0, names },
	{ "compress-level", OPTION_STRING, AT(level), "N",
	  "the codec's own scale; higher is smaller and slower", 0, 0, NULL },
	{ "compress-threads", OPTION_NUMBER, AT(threads), "N",
	  "at the source, shared out between the channels\n"
	  "(default 2)",
	  1, COMPRESS_MAX_THREADS, NULL },
	{ "decompress-threads", OPTION_NUMBER, AT(decompress_threads), "N",
	  "at the target, likewise (default 2)", 1, COMPRESS_MAX_THREADS,
	  NULL },
	{ "compress-wait", OPTION_ONOFF, AT(wait), "on|off",
	  "no thread is free: wait for one (default), or send the\n"
	  "page as it is if the link has room; QEMU and --engine\n"
	  "locked: anyhow; no effect with QEMU's multifd",
	  0, 0, NULL },
	{ "engine", OPTION_CHOICE, AT(engine), "ENGINE",
	  "how pages reach the threads: ring (default, no locks) or\n"
	  "locked (as QEMU did it); --vmm mini",
	  0, 0, engines },
	{ "compress-batch", OPTION_NUMBER, AT(batch_pages), "PAGES",
	  "adjacent pages compressed as one, 1 to 16 (default 16);\n"
	  "--vmm mini",
	  1, COMPRESS_MAX_PAGES, NULL },
	{ .name = NULL },
};

void migrate_compress_defaults(struct compress_choice *c)
{
	*c = (struct compress_choice){
		.threads = 2,
		.decompress_threads = 2,
		.wait = true,
		.batch_pages = COMPRESS_MAX_PAGES,
	};
}

static int parse_level(const char *text, const char *codec, int min, int max,
		       int *ret_level, struct error *err)
{
	char *end = NULL;
	long level;

	errno = 0;
	level = strtol(text, &end, 10);
	/* strtol() takes blanks and plus signs. */
	if (errno || *end || end == text || *text == '+' || *text == ' ' ||
	    level < min || level > max)
		return error_set(err, -EINVAL,
				 "--compress-level of %s is %d to %d, not '%s'",
				 codec, min, max, text);
	*ret_level = (int)level;
	return 0;
}

int migrate_compress_resolve(const struct compress_choice *c,
			     struct run_settings *run, struct error *err)
{
	const struct codec *codec = codec_by_name(names[c->codec]);
	int level;

	if (!codec && c->level)
		return error_set(err, -EINVAL,
				 "--compress-level goes with --compress CODEC");
	if (run->kind == DRIVE_QEMU && !run->attach.source_qmp &&
	    (c->engine || c->batch_pages != COMPRESS_MAX_PAGES))
		return error_set(err, -EINVAL,
				 "--engine and --compress-batch are for --vmm "
				 "mini: QEMU has one engine, and compresses "
				 "page by page");
	if (!codec)
		return 0;
	if (!strcmp(run->transport, "memfd"))
		return error_set(err, -EINVAL,
				 "with --transport memfd no pages travel: "
				 "--compress has nothing to do");
	level = codec->level_default;
	if (c->level && parse_level(c->level, codec->name, codec->level_min,
				    codec->level_max, &level, err))
		return -EINVAL;
	run->compress = (struct drive_compress){
		.codec = codec->name,
		.level = level,
		.threads = (unsigned int)c->threads,
		.decompress_threads = (unsigned int)c->decompress_threads,
		.wait = c->wait,
		.engine = engines[c->engine],
		.batch_pages = (unsigned int)c->batch_pages,
	};
	if (run->kind == DRIVE_QEMU && !run->attach.source_qmp)
		return compress_qemu_check(&run->compress, err);
	return 0;
}

json_t *migrate_compress_params(const struct run_settings *run)
{
	const struct drive_compress *c = &run->compress;
	bool qemu = run->kind == DRIVE_QEMU;

	if (!c->codec)
		return json_null();
	return json_pack(
		"{s:s, s:i, s:i, s:i, s:b, s:o, s:o}", "codec", c->codec,
		"level", c->level, "threads", (int)c->threads,
		"decompress_threads", (int)c->decompress_threads, "wait",
		c->wait, "engine", qemu ? json_null() : json_string(c->engine),
		"batch_pages",
		qemu ? json_null() : json_integer((json_int_t)c->batch_pages));
}
