/* SPDX-License-Identifier: MIT */
/* What RAM was made of, as a part of the sample; and whether that is what was
 * asked for. */
#include "tools/sample_memory.h"

#include <math.h>
#include <string.h>

#include "base/backing.h"

json_t *sample_resident(uint64_t bytes_4k, uint64_t bytes_2m, uint64_t bytes_1g)
{
	return json_pack("{s:I, s:I, s:I}", "resident_4k_bytes",
			 (json_int_t)bytes_4k, "resident_2m_bytes",
			 (json_int_t)bytes_2m, "resident_1g_bytes",
			 (json_int_t)bytes_1g);
}

static json_t *one(const struct run_memory *m)
{
	return m->seen ? sample_resident(m->bytes_4k, m->bytes_2m, m->bytes_1g)
		       : json_null();
}

static bool in_force(const struct run_memory *m,
		     const struct drive_memory *want)
{
	switch (want->page_bytes) {
	case 2ull << 20:
		return m->bytes_2m;
	case 1ull << 30:
		return m->bytes_1g;
	default:
		return !m->bytes_2m && !m->bytes_1g;
	}
}

static void check(const struct run_settings *set, const struct run_memory *m,
		  const char *whose, struct result *result)
{
	if (m->seen && !in_force(m, &set->memory))
		result_warn(result,
			    "the %s's RAM is not what was asked for (%s): see "
			    "memory.%s",
			    whose, backing_names[set->memory.kind], whose);
}

json_t *sample_memory(const struct run_settings *set,
		      const struct run_sample *s, struct result *result)
{
	if (!s->source_memory.seen)
		result_warn_null(result, "memory.source",
				 "its mappings could not be seen");
	if (!s->target_memory.seen)
		result_warn_null(result, "memory.target",
				 s->completed
					 ? "its mappings could not be seen"
					 : "the migration did not complete");
	check(set, &s->source_memory, "source", result);
	check(set, &s->target_memory, "target", result);
	return json_pack("{s:o, s:o}", "source", one(&s->source_memory),
			 "target", one(&s->target_memory));
}

static const char *why_no_prealloc(const struct run_settings *set,
				   const struct run_sample *s)
{
	if (set->attach.source_qmp)
		return "the machines were attached to, not started";
	if (!set->memory.prealloc)
		return "--prealloc is off";
	if (set->kind == DRIVE_QEMU)
		return "QEMU does not say: see target_start_ms";
	return s->completed ? "the RAM was handed over, or the target was lost"
			    : "the migration did not complete";
}

json_t *sample_prealloc(const struct run_settings *set,
			const struct run_sample *s, struct result *result)
{
	const struct run_prealloc *p = &s->prealloc;

	if (!p->known) {
		result_warn_null(result, "prealloc", why_no_prealloc(set, s));
		return json_null();
	}
	if (!p->failure[0])
		result_warn_null(result, "prealloc.failure", "there was none");
	else
		result_warn(result,
			    "the target runs, and not all of its memory could "
			    "be had: %s",
			    p->failure);
	if (isnan(p->ms))
		result_warn_null(result, "prealloc.ms",
				 "it still went on at the end of --after");
	return json_pack(
		"{s:s, s:b, s:o, s:I, s:o}", "mode", set->memory.prealloc,
		"done", p->done, "ms", result_number(p->ms), "mapped_bytes",
		(json_int_t)p->mapped_bytes, "failure",
		p->failure[0] ? result_string(p->failure) : json_null());
}
