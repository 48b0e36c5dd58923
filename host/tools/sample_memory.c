/* SPDX-License-Identifier: MIT */
/* What RAM was made of, as a part of the sample; and whether that is what was
 * asked for. */
#include "tools/sample_memory.h"

#include "base/backing.h"

static json_t *one(const struct run_memory *m)
{
	if (!m->seen)
		return json_null();
	return json_pack("{s:I, s:I, s:I}", "resident_4k_bytes",
			 (json_int_t)m->bytes_4k, "resident_2m_bytes",
			 (json_int_t)m->bytes_2m, "resident_1g_bytes",
			 (json_int_t)m->bytes_1g);
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
