/* SPDX-License-Identifier: MIT */
/* vfio-user devices of a run: figures, and what the guest says of them. */
#include "drive/run_vfio.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "drive/console.h"
#include "drive/run_internal.h"

#define REPLY_TIMEOUT_MS 10000

bool run_vfio_clean(const struct run_vfio *v)
{
	return !v->guest.asked ||
	       (!v->guest.wrong && !v->guest.errors && !v->guest.memory_bad &&
		(!v->guest.stopped || v->guest.irqs == v->guest.raised));
}

static json_t *said(json_t *stats)
{
	return json_object_get(json_object_get(stats, "x-vmferry"), "vfio");
}

static uint64_t number(json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static double ms(json_t *object, const char *key)
{
	json_t *ns = json_object_get(object, key);

	return ns ? (double)json_integer_value(ns) / 1e6 : NAN;
}

static void take_device(json_t *source, json_t *target,
			struct run_vfio_device *d)
{
	const char *name = json_string_value(json_object_get(source, "name"));

	snprintf(d->name, sizeof(d->name), "%s", name ? name : "");
	d->bytes = number(source, "bytes");
	d->final_bytes = number(source, "final-bytes");
	d->dma_pages = number(source, "dma-pages");
	d->load_ms = ms(target, "load-ns");
}

void run_vfio_figures(struct run *r)
{
	json_t *source = said(r->source_stats), *target = said(r->target_stats);
	json_t *moments, *one;
	struct run_vfio *v = &r->out->vfio;
	uint64_t ram, devices;
	size_t i;

	json_array_foreach (json_object_get(source, "devices"), i, one)
		if (i < DRIVE_MAX_VFIO)
			take_device(
				one,
				json_array_get(
					json_object_get(target, "devices"), i),
				&v->device[v->nr++]);
	moments = json_object_get(json_object_get(r->source_stats, "x-vmferry"),
				  "moments");
	ram = number(moments, "final-ram-ns");
	devices = number(moments, "devices-ns");
	v->save_ms = ram && devices ? (double)(devices - ram) / 1e6 : NAN;
	v->stop_ms = ram ? ms(source, "stop-ns") : NAN;
	v->run_ms = r->hold ? NAN : ms(target, "run-ns");
}

int run_check_vfio(struct run *r, struct drive_vm *vm, struct error *err)
{
	struct run_vfio *v = &r->out->vfio;
	struct console_line line;
	int rc;

	if (!r->set->workload.dma || r->attached)
		return 0;
	rc = console_command(vm->console, REPLY_TIMEOUT_MS, &line, err, "dma");
	if (rc)
		return rc;
	if (!console_number(&line, "devices", &v->guest.devices) ||
	    !console_number(&line, "pages", &v->guest.pages) ||
	    !console_number(&line, "irqs", &v->guest.irqs) ||
	    !console_number(&line, "raised", &v->guest.raised) ||
	    !console_number(&line, "wrong", &v->guest.wrong) ||
	    !console_number(&line, "bad", &v->guest.bad) ||
	    !console_number(&line, "errors", &v->guest.errors) ||
	    !console_number(&line, "memory_bad", &v->guest.memory_bad))
		return error_set(err, -EPROTO,
				 "the guest's answer to 'dma' makes no sense: "
				 "%.300s",
				 line.text);
	v->guest.asked = true;
	v->guest.stopped = r->last;
	return 0;
}
