/* SPDX-License-Identifier: MIT */
/* Compression of migrations as QMP sees it: parameters and statistics. */
#include "machine/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "migrate/compress.h"

/* QEMU's defaults, but for the threads: it takes 8 and 2. */
void compression_init(struct machine *m)
{
	m->migration.how = (struct migrate_compress){
		.codec = CODEC_ZLIB,
		.level = 1,
		.nr_threads = 2,
		.engine = COMPRESS_RING,
		.wait = true,
		.max_pages = COMPRESS_MAX_PAGES,
	};
	m->migration.decompress_threads = 2;
}

static int in_range(json_t *args, const char *name, json_int_t min,
		    json_int_t max, json_int_t *value, struct qmp_error *err)
{
	json_t *given = json_object_get(args, name);

	if (!given)
		return 0;
	if (json_integer_value(given) < min || json_integer_value(given) > max)
		return qmp_error_set(err, -EINVAL,
				     "Parameter '%s' expects a value between "
				     "%lld and %lld",
				     name, (long long)min, (long long)max);
	*value = json_integer_value(given);
	return 0;
}

static int take_codec(json_t *args, enum codec_id *codec, struct qmp_error *err)
{
	const char *name =
		json_string_value(json_object_get(args, "x-compress-codec"));
	const struct codec *found = name ? codec_by_name(name) : NULL;

	if (name && !found)
		return qmp_error_set(err, -EINVAL,
				     "Parameter 'x-compress-codec' does not "
				     "accept value '%s'",
				     name);
	if (found)
		*codec = found->id;
	return 0;
}

static int take_engine(json_t *args, enum compress_engine *engine,
		       struct qmp_error *err)
{
	const char *name =
		json_string_value(json_object_get(args, "x-compress-engine"));
	unsigned int i;

	if (!name)
		return 0;
	for (i = 0; compress_engine_names[i]; i++)
		if (!strcmp(name, compress_engine_names[i])) {
			*engine = i;
			return 0;
		}
	return qmp_error_set(err, -EINVAL,
			     "Parameter 'x-compress-engine' does not accept "
			     "value '%s'",
			     name);
}

int compression_set(struct machine *m, json_t *args, struct qmp_error *err)
{
	struct migrate_compress how = m->migration.how;
	json_t *wait = json_object_get(args, "compress-wait-thread");
	json_int_t level = how.level, threads = how.nr_threads;
	json_int_t pages = how.max_pages;
	json_int_t decompress = m->migration.decompress_threads;
	int rc = in_range(args, "compress-threads", 1, COMPRESS_MAX_THREADS,
			  &threads, err);

	/* Which of them the codec takes shows when it begins. */
	if (!rc)
		rc = in_range(args, "compress-level", -100, 100, &level, err);
	if (!rc)
		rc = in_range(args, "decompress-threads", 1,
			      COMPRESS_MAX_THREADS, &decompress, err);
	if (!rc)
		rc = in_range(args, "x-compress-batch", 1, COMPRESS_MAX_PAGES,
			      &pages, err);
	if (!rc)
		rc = take_codec(args, &how.codec, err);
	if (!rc)
		rc = take_engine(args, &how.engine, err);
	if (rc)
		return rc;
	if (wait)
		how.wait = json_is_true(wait);
	how.level = (int)level;
	how.nr_threads = (unsigned int)threads;
	how.max_pages = (unsigned int)pages;
	m->migration.how = how;
	m->migration.decompress_threads = (unsigned int)decompress;
	return 0;
}

void compression_get(const struct machine *m, json_t *parameters)
{
	const struct migrate_compress *how = &m->migration.how;

	json_object_update_new(
		parameters,
		json_pack("{s:i, s:i, s:i, s:b, s:s, s:s, s:i}",
			  "compress-level", how->level, "compress-threads",
			  (int)how->nr_threads, "decompress-threads",
			  (int)m->migration.decompress_threads,
			  "compress-wait-thread", how->wait, "x-compress-codec",
			  codec_by_id(how->codec)->name, "x-compress-engine",
			  compress_engine_names[how->engine],
			  "x-compress-batch", (int)how->max_pages));
}

void compression_set_source(struct machine *m)
{
	if (m->migration.compress)
		migrate_source_set_compress(m->migration.source,
					    &m->migration.how);
}

void compression_set_target(struct machine *m)
{
	struct migrate_compress how = m->migration.how;

	how.nr_threads = m->migration.decompress_threads;
	migrate_target_set_compress(m->migration.target, &how);
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *worker(const struct compress_worker_stats *w)
{
	json_t *o = json_object();
	const struct {
		const char *key;
		uint64_t value;
	} figure[] = {
		{ "requests", w->requests },
		{ "pages", w->pages },
		{ "raw-pages", w->raw_pages },
		{ "probed-pages", w->probed_pages },
		{ "in-bytes", w->in_bytes },
		{ "out-bytes", w->out_bytes },
		{ "cpu-ns", w->cpu_ns },
		{ "blocked-ns", w->blocked_ns },
		{ "idle-ns", w->idle_ns },
		{ "voluntary-switches", w->voluntary_switches },
		{ "involuntary-switches", w->involuntary_switches },
		{ "futex-calls", w->futex_calls },
	};
	size_t i;

	for (i = 0; i < sizeof(figure) / sizeof(figure[0]); i++)
		json_object_set_new(o, figure[i].key, number(figure[i].value));
	return o;
}

static json_t *report(const struct compress_stats *s)
{
	json_t *o = json_object(), *workers = json_array();
	unsigned int i;

	json_object_set_new(o, "requests", number(s->submitted));
	json_object_set_new(o, "pages", number(s->submitted_pages));
	json_object_set_new(o, "busy-pages", number(s->busy_pages));
	json_object_set_new(o, "futex-calls", number(s->submitter_futex_calls));
	for (i = 0; i < s->nr_workers; i++)
		json_array_append_new(workers, worker(&s->worker[i]));
	json_object_set_new(o, "workers", workers);
	return o;
}

/* QEMU's names; its busy-rate is per interval, ours of the whole. */
static json_t *as_qemu(const struct compress_stats *s)
{
	uint64_t handed = s->submitted_pages + s->busy_pages;
	uint64_t packed = 0, from = 0;
	unsigned int i;

	for (i = 0; i < s->nr_workers; i++) {
		from += s->worker[i].in_bytes;
		packed += s->worker[i].out_bytes;
	}
	return json_pack("{s:I, s:I, s:f, s:I, s:f}", "pages",
			 (json_int_t)s->submitted_pages, "busy",
			 (json_int_t)s->busy_pages, "busy-rate",
			 handed ? (double)s->busy_pages / (double)handed : 0.0,
			 "compressed-size", (json_int_t)packed,
			 "compression-rate",
			 packed ? (double)from / (double)packed : 0.0);
}

void compression_report(struct machine *m, json_t *reply, json_t *own)
{
	struct migration *g = &m->migration;
	struct compress_stats *s = calloc(1, sizeof(*s));

	if (s && g->source)
		migrate_source_compress_stats(g->source, s);
	else if (s && g->target)
		migrate_target_compress_stats(g->target, s);
	if (s && s->nr_workers) {
		json_object_set_new(own, "compression", report(s));
		if (g->outgoing)
			json_object_set_new(reply, "compression", as_qemu(s));
	}
	free(s);
}
