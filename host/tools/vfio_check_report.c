/* SPDX-License-Identifier: MIT */
/* Findings as TAP, and as JSON. */
#include "tools/vfio_check_report.h"

#include <inttypes.h>
#include <string.h>

static void print_device(FILE *f, const struct check_device *d)
{
	fprintf(f, "# %s, %s%s%s%s%s\n", d->user ? "vfio-user" : "kernel",
		!d->migration ? "no migration"
		: d->v1	      ? "migration v1"
			      : "migration v2",
		d->flags & 2 ? ", P2P" : "", d->flags & 4 ? ", pre-copy" : "",
		d->logging ? ", DMA logging" : "",
		d->engine ? ", our DMA engine" : "");
	if (d->stream_bytes)
		fprintf(f, "# its state is %" PRIu64 " bytes\n",
			d->stream_bytes);
	if (d->stream_why[0])
		fprintf(f, "# it does not load its own state: %s\n",
			d->stream_why);
}

void vfio_check_begin(void *ctx, const struct check_device *device)
{
	struct vfio_check_report *t = ctx;

	t->device = *device;
	t->device_known = true;
	print_device(t->out, device);
}

static bool is_failure(const struct vfio_check_report *t,
		       enum check_result result)
{
	return result == CHECK_FAILED ||
	       (t->strict && result == CHECK_DIFFERED);
}

static void print_one(struct vfio_check_report *t,
		      const struct check_outcome *o)
{
	fprintf(t->out, "%s %u - %s%s%s\n",
		is_failure(t, o->result) ? "not ok" : "ok", t->nr,
		o->info->name, o->result == CHECK_SKIPPED ? " # SKIP " : "",
		o->result == CHECK_SKIPPED ? o->text : "");
	if (o->result == CHECK_FAILED || o->result == CHECK_DIFFERED)
		fprintf(t->out, "#   %s: %s\n#   rule: %s\n",
			o->result == CHECK_DIFFERED
				? "differs in the field"
				: check_severity_name(o->info->severity),
			o->text, o->info->rule);
	fflush(t->out);
}

static void add_json(struct vfio_check_report *t, const struct check_outcome *o)
{
	bool wrong = o->result == CHECK_FAILED || o->result == CHECK_DIFFERED;
	bool skipped = o->result == CHECK_SKIPPED;

	json_array_append_new(
		t->checks,
		json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "check",
			  o->info->name, "result", check_result_name(o->result),
			  "severity", check_severity_name(o->info->severity),
			  "rule", o->info->rule, "saw",
			  wrong ? result_string(o->text) : json_null(),
			  "skipped",
			  skipped ? result_string(o->text) : json_null(),
			  "duration_ms", result_number(o->ms)));
	if (wrong)
		result_warn(t->result, "%s %s: %s", o->info->name,
			    check_result_name(o->result), o->text);
}

void vfio_check_add(void *ctx, const struct check_outcome *outcome)
{
	struct vfio_check_report *t = ctx;

	t->nr++;
	t->nr_by[outcome->result]++;
	print_one(t, outcome);
	if (t->result)
		add_json(t, outcome);
}

bool vfio_check_green(const struct vfio_check_report *t)
{
	return !t->nr_by[CHECK_FAILED] &&
	       !(t->strict && t->nr_by[CHECK_DIFFERED]);
}

static json_t *hex(uint32_t id)
{
	char text[16];

	if (id == UINT32_MAX)
		return json_null();
	snprintf(text, sizeof(text), "0x%04" PRIx32, id);
	return json_string(text);
}

static json_t *device_json(const struct vfio_check_report *t)
{
	const struct check_device *d = &t->device;

	if (!t->device_known)
		return json_null();
	return json_pack(
		"{s:s, s:o, s:b, s:b, s:b, s:b, s:b, s:o, s:o, s:I, s:b}",
		"backend", d->user ? "vfio-user" : "kernel", "protocol",
		d->migration ? json_string(d->v1 ? "v1" : "v2") : json_null(),
		"p2p", !!(d->flags & 2), "precopy", !!(d->flags & 4),
		"dma_logging", d->logging, "data_size", d->data_size, "engine",
		d->engine, "pci_vendor", hex(d->vendor), "pci_device",
		hex(d->device), "stream_bytes", (json_int_t)d->stream_bytes,
		"stream_loads", d->stream_loads);
}

static void end_json(struct vfio_check_report *t)
{
	result_set_extra(t->result, "device", device_json(t));
	result_set_extra(t->result, "counts",
			 json_pack("{s:i, s:i, s:i, s:i}", "pass",
				   (int)t->nr_by[CHECK_PASSED], "fail",
				   (int)t->nr_by[CHECK_FAILED], "differs",
				   (int)t->nr_by[CHECK_DIFFERED], "skip",
				   (int)t->nr_by[CHECK_SKIPPED]));
	result_set_extra(t->result, "checks", t->checks);
	t->checks = NULL;
	if (!t->device_known)
		result_warn_null(t->result, "device", "there was none");
	else if (!t->device.migration)
		result_warn_null(t->result, "device.protocol",
				 "the device has no migration");
	if (t->device_known && t->device.vendor == UINT32_MAX)
		result_warn_null(t->result, "device.pci_vendor, pci_device",
				 "its configuration space is not readable");
	result_warn_null(t->result, "checks.saw", "the check did not fail");
	result_warn_null(t->result, "checks.skipped", "the check was made");
	if (t->nr > t->nr_by[CHECK_SKIPPED])
		result_add_verdict(t->result, vfio_check_green(t)
						      ? RESULT_PASS
						      : RESULT_FAIL);
	else
		result_add_verdict(t->result, RESULT_SKIP);
}

void vfio_check_end(struct vfio_check_report *t)
{
	fprintf(t->out,
		"1..%u\n# %u pass, %u fail, %u differ in the field, "
		"%u skipped\n",
		t->nr, t->nr_by[CHECK_PASSED], t->nr_by[CHECK_FAILED],
		t->nr_by[CHECK_DIFFERED], t->nr_by[CHECK_SKIPPED]);
	fflush(t->out);
	if (t->result)
		end_json(t);
}
