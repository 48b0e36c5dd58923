/* SPDX-License-Identifier: MIT */
/* query-migrate: QEMU's keys, and ours under x-vmferry. */
#include "machine/state.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "control.h"
#include "machine/skip_dirty.h"
#include "machine/vfio_user.h"
#include "vmm/state.h"

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *milliseconds(uint64_t ns)
{
	return number(ns / NSEC_PER_MSEC);
}

static void set(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

static json_t *ram(const struct migrate_stats *s)
{
	json_t *ram = json_object();
	uint64_t normal = s->pages - s->zero_pages;

	set(ram, "transferred", number(s->wire_bytes));
	set(ram, "remaining", number(s->remaining_bytes));
	set(ram, "total", number(s->ram_bytes));
	set(ram, "duplicate", number(s->zero_pages));
	set(ram, "normal", number(normal));
	set(ram, "normal-bytes", number(normal * ABI_PAGE_BYTES));
	set(ram, "page-size", number(ABI_PAGE_BYTES));
	set(ram, "dirty-pages-rate", number(s->dirty_pages_per_s));
	set(ram, "dirty-sync-count", number(s->nr_rounds));
	set(ram, "mbps", json_real((double)s->bandwidth_bytes_per_s * 8 / 1e6));
	return ram;
}

static json_t *rounds(const struct migrate_stats *s)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < s->nr_rounds && i < MIGRATE_MAX_ROUNDS_KEPT; i++) {
		const struct migrate_round *r = &s->rounds[i];
		json_t *round = json_object();

		set(round, "start-ns", number(r->start_ns));
		set(round, "duration-ns", number(r->duration_ns));
		set(round, "pages", number(r->pages));
		set(round, "zero-pages", number(r->zero_pages));
		set(round, "wire-bytes", number(r->wire_bytes));
		set(round, "dirty-pages-after", number(r->dirty_pages_after));
		set(round, "compressed-pages", number(r->submitted_pages));
		set(round, "busy-pages", number(r->busy_pages));
		json_array_append_new(list, round);
	}
	return list;
}

/* Moments of the switchover in ns of CLOCK_MONOTONIC; 0 = not there. */
static json_t *moments(const struct migrate_stats *s)
{
	json_t *at = json_object();
	const struct {
		const char *key;
		uint64_t ns;
	} moment[] = {
		{ "pause-begin-ns", s->pause_begin_ns },
		{ "paused-ns", s->paused_ns },
		{ "final-ram-ns", s->final_ram_ns },
		{ "devices-ns", s->devices_ns },
		{ "state-saved-ns", s->state_saved_ns },
		{ "state-loaded-ns", s->state_loaded_ns },
		{ "go-ns", s->go_ns },
		{ "resumed-ns", s->resumed_ns },
	};
	size_t i;

	set(at, "start-ns", number(s->start_ns));
	for (i = 0; i < sizeof(moment) / sizeof(moment[0]); i++)
		set(at, moment[i].key,
		    number(moment[i].ns ? s->start_ns + moment[i].ns : 0));
	return at;
}

static json_t *times(const struct migrate_times *t)
{
	json_t *o = json_object();

	set(o, "scan-ns", number(t->scan_ns));
	set(o, "copy-ns", number(t->copy_ns));
	set(o, "wait-ns", number(t->wait_ns));
	set(o, "pace-ns", number(t->pace_ns));
	set(o, "send-ns", number(t->send_ns));
	return o;
}

static json_t *details(struct machine *m, const struct migrate_stats *s)
{
	struct vm_clock_report clock;
	json_t *own = json_object();

	set(own, "channels", number(s->nr_channels));
	set(own, "wire-bytes", number(s->wire_bytes));
	set(own, "state-bytes", number(s->state_bytes));
	set(own, "device-bytes", number(s->device_bytes));
	set(own, "device-final-bytes", number(s->device_final_bytes));
	set(own, "setup-ns", number(s->setup_ns));
	set(own, "total-ns", number(s->total_ns));
	set(own, "downtime-ns", number(s->downtime_ns));
	set(own, "phase", json_string(migrate_phase_name(s->phase)));
	set(own, "moments", moments(s));
	set(own, "rounds", rounds(s));
	/* The list is whole when the source has let go: "completed" may be
	 * told while the thread still cleans up. */
	if (m->migration.skip &&
	    (!m->migration.active || s->phase >= MIGRATE_COMMITTED))
		set(own, "skipped-gfns", skip_dirty_gfns(m->migration.skip));
	if (m->vfio)
		set(own, "vfio", machine_vfio_query(m));
	if (m->migration.outgoing) {
		set(own, "send", machine_send_stats(&s->send));
		set(own, "running-confirmed",
		    json_boolean(s->running_confirmed));
		set(own, "submitter", times(&s->times));
	}
	if (!m->migration.outgoing && !vm_state_clock(m->vm, &clock))
		set(own, "tsc-ran", json_boolean(clock.tsc_ran));
	return own;
}

/* As QEMU says it: where a source is awaited. */
static json_t *waiting_at(const char *address)
{
	const char *colon = strrchr(address, ':');

	if (!strncmp(address, "unix:", 5))
		return json_pack("[{s:s, s:s}]", "type", "unix", "path",
				 address + 5);
	return json_pack("[{s:s, s:s%, s:s}]", "type", "inet", "host",
			 address + 4, (size_t)(colon - address - 4), "port",
			 colon + 1);
}

json_t *migration_query(struct machine *m)
{
	struct migration *g = &m->migration;
	struct migrate_stats *s = calloc(1, sizeof(*s));
	json_t *reply = json_object(), *prealloc;

	pthread_mutex_lock(&m->lock);
	if (g->used && s) {
		if (g->source)
			migrate_source_stats(g->source, s);
		else if (g->target)
			migrate_target_stats(g->target, s);
		set(reply, "status", json_string(g->status));
		set(reply, "total-time", milliseconds(s->total_ns));
		set(reply, "setup-time", milliseconds(s->setup_ns));
		set(reply, "expected-downtime",
		    milliseconds(s->expected_downtime_ns));
		if (s->downtime_ns)
			set(reply, "downtime", milliseconds(s->downtime_ns));
		set(reply, "ram", ram(s));
		if (!g->active && g->error.text[0])
			set(reply, "error-desc", json_string(g->error.text));
		set(reply, "x-vmferry", details(m, s));
		compression_report(m, reply,
				   json_object_get(reply, "x-vmferry"));
	}
	prealloc = machine_prealloc_query(m);
	if (prealloc)
		set(reply, "x-vmferry-prealloc", prealloc);
	if (m->listen_fd >= 0)
		set(reply, "socket-address", waiting_at(g->address));
	pthread_mutex_unlock(&m->lock);
	free(s);
	return reply;
}
