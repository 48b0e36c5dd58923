/* SPDX-License-Identifier: MIT */
/* vfio-user devices, as a part of the sample and as lines for people. */
#include "tools/sample_vfio.h"

#include <inttypes.h>
#include <math.h>

#include "base/units.h"

static json_t *integer(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *real(double value)
{
	return isnan(value) ? json_null() : json_real(value);
}

static json_t *device(const struct run_vfio_device *d)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o}", "name", d->name, "bytes",
			 integer(d->bytes), "final_bytes",
			 integer(d->final_bytes), "dma_pages",
			 integer(d->dma_pages), "load_ms", real(d->load_ms));
}

static json_t *guest(const struct run_vfio *v)
{
	if (!v->guest.asked)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "devices",
			 integer(v->guest.devices), "pages",
			 integer(v->guest.pages), "irqs",
			 integer(v->guest.irqs), "raised",
			 integer(v->guest.raised), "wrong",
			 integer(v->guest.wrong), "bad", integer(v->guest.bad),
			 "errors", integer(v->guest.errors), "memory_bad",
			 integer(v->guest.memory_bad));
}

static void explain(const struct run_sample *s, struct result *result)
{
	const struct run_vfio *v = &s->vfio;
	const char *why = s->completed ? "the machine does not say"
				       : "the migration did not complete";

	if (isnan(v->stop_ms))
		result_warn_null(result, "vfio.stop_ms", why);
	if (isnan(v->save_ms))
		result_warn_null(result, "vfio.save_ms", why);
	if (isnan(v->run_ms))
		result_warn_null(result, "vfio.run_ms",
				 s->completed ? "the target was held back"
					      : why);
	if (isnan(v->device[0].load_ms))
		result_warn_null(result, "vfio.each.load_ms", why);
	if (!v->guest.asked)
		result_warn_null(result, "vfio.guest",
				 s->completed ? "no DMA engine takes part in "
						"the workload (dma=RATE)"
					      : why);
}

json_t *sample_vfio(const struct run_sample *s, struct result *result)
{
	const struct run_vfio *v = &s->vfio;
	uint64_t bytes = 0, final = 0, pages = 0;
	json_t *each;
	unsigned int i;

	if (!v->nr) {
		result_warn_null(result, "vfio",
				 "there are no vfio-user devices, or the "
				 "migration did not begin");
		return json_null();
	}
	each = json_array();
	for (i = 0; i < v->nr; i++) {
		bytes += v->device[i].bytes;
		final += v->device[i].final_bytes;
		pages += v->device[i].dma_pages;
		json_array_append_new(each, device(&v->device[i]));
	}
	explain(s, result);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "bytes",
			 integer(bytes), "final_bytes", integer(final),
			 "dma_pages", integer(pages), "stop_ms",
			 real(v->stop_ms), "save_ms", real(v->save_ms),
			 "run_ms", real(v->run_ms), "guest", guest(v), "each",
			 each);
}

static const char *time_text(double ms, char text[UNITS_TEXT_BYTES])
{
	return isnan(ms) ? "-" : units_format_time(text, ms * 1e6);
}

void sample_vfio_print(const struct run_sample *s, FILE *f)
{
	const struct run_vfio *v = &s->vfio;
	char all[UNITS_TEXT_BYTES], final[UNITS_TEXT_BYTES];
	char load[UNITS_TEXT_BYTES], stop[UNITS_TEXT_BYTES];
	char save[UNITS_TEXT_BYTES], go[UNITS_TEXT_BYTES];
	unsigned int i;

	if (!v->nr)
		return;
	fprintf(f, "VFIO devices\n  all stop in %s, save %s, run in %s\n",
		time_text(v->stop_ms, stop), time_text(v->save_ms, save),
		time_text(v->run_ms, go));
	for (i = 0; i < v->nr; i++) {
		const struct run_vfio_device *d = &v->device[i];

		fprintf(f,
			"  %s: %s of state, %s of it behind the stop, load "
			"%s; %" PRIu64 " pages by DMA\n",
			d->name, units_format_size(all, d->bytes),
			units_format_size(final, d->final_bytes),
			time_text(d->load_ms, load), d->dma_pages);
	}
	if (v->guest.asked)
		fprintf(f,
			"  the guest had %" PRIu64 " of %" PRIu64
			" interrupts, %" PRIu64 " wrong, %" PRIu64
			" errors, %" PRIu64 " bad words of memory\n",
			v->guest.irqs, v->guest.raised, v->guest.wrong,
			v->guest.errors, v->guest.memory_bad);
}
