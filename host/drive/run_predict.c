/* SPDX-License-Identifier: MIT */
/* A second of the guest's profile, and what follows from it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "drive/guest_view.h"
#include "drive/run_internal.h"

#define LOOKS 21u
#define LOOK_NS (50 * NSEC_PER_MSEC)
#define SAMPLE_RUNS 64u
#define SAMPLE_PAGES (SAMPLE_RUNS * PREDICT_RUN_PAGES)

/*
 * Stop, state, messages, resume, with a guest like ours: what a migration of a
 * guest at rest takes. QEMU has more devices.
 */
#define FIXED_MINI_S 0.003
#define FIXED_QEMU_S 0.008
/* Requests that a ring holds, and pages that are sent before a full socket is
 * noticed. QEMU's: its array of 64 I/O vectors. Ours: measured. */
#define RING_ROOM 4u
#define BURST_QEMU_PAGES 64u
#define BURST_MINI_PAGES 256u
/* The relay moves each byte once more: CPU time a MiB (docs/design.md, 9). */
#define RELAY_UNIX_S 95e-6
#define RELAY_TCP_S 225e-6

static int look(const struct run *r, uint64_t begin_ns, struct dirty_look *ret)
{
	struct counters all = r->source_count;
	struct abi_vcpu vcpu[ABI_MAX_VCPUS];
	unsigned int i;
	int rc;

	/* DMA engines dirty memory, too. */
	all.nr_vcpus += r->expected.nr_dma;
	rc = counters_read(&all, vcpu);
	if (rc)
		return rc;
	ret->second = (double)(clock_now_ns() - begin_ns) / 1e9;
	for (i = 0; i < all.nr_vcpus; i++)
		ret->steps[i] = vcpu[i].steps;
	return 0;
}

/* The vCPUs' share of the host meanwhile. */
static double vcpus_busy(struct threads *t, const struct run *r, double seconds)
{
	uint64_t ns;

	threads_look(t, r->source.pid, false);
	ns = threads_span_ns(t, "vcpu") + threads_span_ns(t, "CPU ");
	return seconds > 0 ? (double)ns / 1e9 / seconds : 0;
}

static int watch(struct run *r, struct dirty_look *looks, double *ret_cpus,
		 struct error *err)
{
	struct threads threads = { .nr = 0 };
	uint64_t begin = clock_now_ns();
	unsigned int i;
	int rc = 0;

	threads_look(&threads, r->source.pid, true);
	for (i = 0; !rc && i < LOOKS; i++) {
		rc = run_sleep(r, &r->source, begin + i * LOOK_NS, err);
		if (!rc && look(r, begin, &looks[i]))
			rc = error_set(err, -ENODATA,
				       "cannot read the source's counters");
	}
	if (rc)
		return rc;
	*ret_cpus = vcpus_busy(&threads, r, looks[LOOKS - 1].second);
	/* The first look is second 0. */
	for (i = LOOKS; i-- > 0;)
		looks[i].second -= looks[0].second;
	return 0;
}

static uint64_t gpa_of(const struct oracle *o, uint64_t index)
{
	return oracle_gfn(o, index) * ABI_PAGE_BYTES;
}

/* Pages spread over the working set, PREDICT_RUN_PAGES at a time. Those that
 * are zero are counted and left out. Returns how many are in @pages. */
static size_t take_sample(const struct run *r, const struct oracle *o,
			  uint8_t *pages, double *ret_zero_share)
{
	static const uint8_t zero[ABI_PAGE_BYTES];
	uint64_t runs = o->nr_pages / PREDICT_RUN_PAGES, i, k, index;
	size_t nr = 0, seen = 0;
	uint64_t n = runs < SAMPLE_RUNS ? runs : SAMPLE_RUNS;

	for (i = 0; i < n; i++)
		for (k = 0; k < PREDICT_RUN_PAGES; k++) {
			uint8_t *at = pages + nr * ABI_PAGE_BYTES;

			index = runs * i / n * PREDICT_RUN_PAGES + k;
			if (ram_read(&r->source.ram, gpa_of(o, index), at,
				     ABI_PAGE_BYTES))
				continue;
			seen++;
			nr += !!memcmp(at, zero, ABI_PAGE_BYTES);
		}
	*ret_zero_share = seen ? (double)(seen - nr) / (double)seen : 0;
	return nr;
}

/* What was never written is zero; of the working set the sample's share. */
static uint64_t zero_pages(const struct guest_view *view, double share)
{
	uint64_t free_bytes = 0;
	uint32_t i;

	for (i = 0; i < view->control.nr_ram; i++)
		if (view->control.ram[i].kind == ABI_RAM_FREE)
			free_bytes += view->control.ram[i].bytes;
	return free_bytes / ABI_PAGE_BYTES +
	       (uint64_t)(share * (double)view->control.epoch.nr_pages);
}

static double least_limit(const struct run_settings *s)
{
	uint64_t link = s->relay ? s->relay_params.rate_bytes_per_s : 0;
	uint64_t own = s->max_bandwidth_bytes_per_s;

	return (double)(!link || (own && own < link) ? own : link);
}

static bool engine_is(const struct run_settings *s, const char *name)
{
	return s->compress.engine && !strcmp(s->compress.engine, name);
}

static void fill_input(const struct run *r, struct prediction *p)
{
	const struct run_settings *s = r->set;
	bool qemu = s->kind == DRIVE_QEMU;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	p->in.pages = ram_bytes(&r->source.ram) / ABI_PAGE_BYTES;
	if (p->in.zero_pages > p->in.pages)
		p->in.zero_pages = p->in.pages;
	p->in.link_bytes_per_s = least_limit(s);
	p->in.send_bytes_per_s = p->costs.send_bytes_per_s;
	p->in.send_s_per_byte = p->costs.send_s_per_byte;
	if (s->relay)
		p->in.send_s_per_byte +=
			(strcmp(s->transport, "tcp") ? RELAY_UNIX_S
						     : RELAY_TCP_S) /
			(1 << 20);
	p->in.zero_s = p->costs.zero_s;
	p->in.nr_cpus = cpus > 0 ? (unsigned int)cpus : 1;
	p->in.nr_vcpus = r->source_count.nr_vcpus;
	p->in.limit_s = (double)s->downtime_limit_ns / 1e9;
	p->in.timeout_s = (double)s->timeout_ns / 1e9;
	p->in.fixed_s = qemu ? FIXED_QEMU_S : FIXED_MINI_S;
	/* QEMU clears a GiB at a time. */
	p->in.logs_behind = !qemu && !s->memory.ring;
	p->in.room = qemu || engine_is(s, "locked") ? 1 : RING_ROOM;
	p->in.burst_pages = qemu ? BURST_QEMU_PAGES : BURST_MINI_PAGES;
	p->in.rule = qemu ? FORECAST_RAW_ANY_TIME : FORECAST_WIRE;
}

static void fill_choice(const struct run *r, struct predict_choice *ret)
{
	const struct drive_compress *c = &r->set->compress;
	const char *method = r->codec.method;

	*ret = (struct predict_choice){
		.codec = c->codec ? c->codec : "none",
		.level = c->codec ? c->level : 0,
		.threads = c->codec ? c->threads : 1,
		.decompress_threads = c->codec ? c->decompress_threads : 2,
		.wait = c->codec ? c->wait : true,
	};
	if (!method || strncmp(method, "multifd-", 8))
		return;
	ret->by_channels = true;
	ret->threads = r->codec.channels;
}

static int measure(struct run *r, const struct guest_view *view,
		   struct prediction *p, struct error *err)
{
	const struct predict_meter *m = &r->set->predict;
	uint8_t *pages = malloc((size_t)SAMPLE_PAGES * ABI_PAGE_BYTES);
	double share;
	size_t nr;
	int rc;

	if (!pages)
		return error_set(err, -ENOMEM, "no memory for a sample");
	nr = take_sample(r, &view->control.epoch, pages, &share);
	p->in.zero_pages = zero_pages(view, share);
	rc = m->measure(m->ctx, pages, nr, &p->costs, err);
	free(pages);
	return rc;
}

static int profile(struct run *r, struct prediction *p, struct error *err)
{
	struct dirty_look looks[LOOKS];
	struct guest_view view;
	int rc = watch(r, looks, &p->in.guest_cpus, err);

	if (!rc)
		rc = guest_view_read(&r->source.ram, r->source.control_gpa,
				     r->source.control_bytes, &view, err);
	if (rc)
		return rc;
	p->watched_s = looks[LOOKS - 1].second;
	rc = view.has_epoch ? measure(r, &view, p, err)
			    : error_set(err, -EPROTO,
					"the guest's workload does not run");
	if (!rc && r->set->idle)
		p->in.guest_cpus = 0;
	else if (!rc)
		dirty_curve_project(&view.control.epoch, view.log, looks, LOOKS,
				    &p->curve);
	guest_view_exit(&view);
	return rc;
}

int run_predict(struct run *r, struct error *err)
{
	struct predict_choice asked;
	struct prediction *p;
	int rc;

	if (!r->set->predict.measure)
		return 0;
	if (r->source.blind) {
		run_note(r, "nothing is predicted: the source's counters and "
			    "memory cannot be seen");
		return 0;
	}
	run_stage(r, "predict");
	p = calloc(1, sizeof(*p));
	if (!p)
		return error_set(err, -ENOMEM, "no memory for a prediction");
	rc = profile(r, p, err);
	if (rc) {
		free(p);
		return rc;
	}
	fill_input(r, p);
	fill_choice(r, &asked);
	predict_rows(p, &asked);
	r->out->prediction = p;
	if (r->set->predicted)
		r->set->predicted(r->set->progress_ctx, p);
	return 0;
}
