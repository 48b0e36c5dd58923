/* SPDX-License-Identifier: MIT */
/* Four vantage points side by side. */
#include "drive/vantage.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "drive/run.h"

/* Beyond this share it is no rounding and no clock. */
#define TOLERANCE 0.05
/* What either side may be off by rounding: QMP's times are whole ms. */
#define ROUNDING_MS 1
#define ROUNDING_BYTES 4096

static double number(json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

void vantage_fill(const struct run_sample *s, struct vantage ret[VANTAGE_NR])
{
	json_t *ram = json_object_get(s->vmm_reported, "ram");

	ret[0] = (struct vantage){ "stop_ms",
				   NAN,
				   s->guest_gap_ms,
				   s->downtime_ms,
				   number(s->vmm_reported, "downtime"),
				   s->qemu_method };
	ret[1] = (struct vantage){ "total_ms",
				   NAN,
				   NAN,
				   s->total_ms,
				   number(s->vmm_reported, "total-time"),
				   s->qemu_method };
	ret[2] = (struct vantage){ "sent_bytes",
				   s->wire_bytes,
				   NAN,
				   NAN,
				   number(ram, "transferred"),
				   s->qemu_method };
}

static const char *word(const struct run_settings *set, const char *name)
{
	json_t *value = json_object_get(set->parameters, name);

	return json_is_string(value) ? json_string_value(value) : "";
}

static bool has(const struct run_settings *set, const char *name)
{
	return json_is_true(json_object_get(set->capabilities, name));
}

static bool by_multifd(const struct vantage *v, const struct run_settings *set)
{
	const char *codec = word(set, "multifd-compression");

	if (v->method)
		return !strncmp(v->method, "multifd-", 8);
	return has(set, "multifd") && codec[0] && strcmp(codec, "none");
}

static bool by_compress(const struct vantage *v, const struct run_settings *set)
{
	return v->method ? !strcmp(v->method, "compress")
			 : has(set, "compress");
}

/* What is known: of QEMU's statistics, measured on 7.2; "" = nothing. */
static const char *known_defect(const struct vantage *v, double seen,
				const struct run_settings *set)
{
	if (set->transport && !strcmp(set->transport, "file") &&
	    strcmp(v->name, "sent_bytes"))
		return "; a source that writes a file knows nothing of how "
		       "long it takes to load it";
	if (set->kind != DRIVE_QEMU)
		return "";
	if (!strcmp(v->name, "sent_bytes") && by_multifd(v, set) &&
	    v->vmm > seen)
		return "; QEMU's multifd counts the bytes before compression";
	if (!strcmp(v->name, "sent_bytes") && by_compress(v, set))
		return "; QEMU's compress counts a page's bytes where it is "
		       "handed over, not where it is sent";
	if (!strcmp(v->name, "stop_ms") && v->vmm < seen)
		return "; QEMU's downtime ends when the source has sent, not "
		       "when the target runs";
	return "";
}

bool vantage_disagreement(const struct vantage *v,
			  const struct run_settings *set, char *text,
			  size_t room)
{
	double seen = isnan(v->wire) ? v->host : v->wire;
	double rounding = strstr(v->name, "_ms") ? ROUNDING_MS : ROUNDING_BYTES;
	double gap = fabs(v->vmm - seen);

	if (isnan(gap) || gap <= rounding + TOLERANCE * seen)
		return false;
	snprintf(text, room, "%s: vmm says %.0f, %s says %.0f (%.2f times)%s",
		 v->name, v->vmm, isnan(v->wire) ? "host" : "wire", seen,
		 v->vmm / seen, known_defect(v, seen, set));
	return true;
}

bool vantage_busy(const struct run_sample *s, char *text, size_t room)
{
	json_t *c = json_object_get(s->vmm_reported, "compression");
	json_t *ram = json_object_get(s->vmm_reported, "ram");
	double busy = number(c, "busy"), normal = number(ram, "normal");

	if (!s->qemu_method || strcmp(s->qemu_method, "compress"))
		return false;
	/* Those that it is sure of are few, and sent raw at the end. */
	if (!(busy > normal * (1 + TOLERANCE) + 64))
		return false;
	snprintf(text, room,
		 "compression.busy: vmm says %.0f, and that it sent %.0f pages "
		 "uncompressed; QEMU's busy counts zero pages too",
		 busy, normal);
	return true;
}
