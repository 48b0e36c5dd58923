/* SPDX-License-Identifier: MIT */
/* Verification of all RAM: threads that take stretches in turn. */
#include "drive/verify.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "drive/guest_account.h"
#include "drive/ram_sparse.h"
#include "drive/verify_page.h"

/* Read at a time: small enough that the checks find it in the cache. */
#define CHUNK_BYTES (256u << 10)
_Static_assert(CHUNK_BYTES / ABI_PAGE_BYTES == RAM_SPARSE_PAGES, "one look");

typedef enum verify_verdict (*page_check)(const struct verify_rules *rules,
					  uint64_t gfn, const uint8_t *page,
					  uint8_t *scratch,
					  struct finding *ret);

/* Shared by all threads; only the atomics change. */
struct job {
	const struct ram *ram;
	const struct abi_control *control;
	struct verify_rules rules;
	atomic_uint_fast64_t next_chunk;
	atomic_int error; /* the first; ends all threads */
};

/* A thread's own; merged in the end. */
struct worker {
	struct job *job;
	struct ram_sparse ram;
	uint8_t *buf; /* CHUNK_BYTES and two scratch pages */
	uint64_t checked_bytes[ABI_RAM_FIRMWARE + 1];
	uint64_t in_flight_pages;
	struct findings findings;
	pthread_t thread;
	bool started;
};

static page_check check_of(const struct verify_rules *rules, uint32_t kind)
{
	switch (kind) {
	case ABI_RAM_WORK:
		return verify_work_page;
	case ABI_RAM_FREE:
		return verify_free_page;
	case ABI_RAM_IMAGE:
		return rules->image.data ? verify_image_page : NULL;
	default:
		return NULL;
	}
}

static int check_chunk(struct worker *w, uint32_t kind, uint64_t gpa,
		       uint64_t bytes)
{
	const struct job *job = w->job;
	page_check check = check_of(&job->rules, kind);
	uint8_t *scratch = w->buf + CHUNK_BYTES;
	struct finding finding;
	uint64_t at, touched = ram_sparse_touched(&w->ram, gpa, bytes);
	int r;

	w->checked_bytes[kind] += bytes;
	/* All zero, as it must be. */
	if (!touched && kind == ABI_RAM_FREE)
		return 0;
	r = ram_sparse_read(&w->ram, gpa, w->buf, bytes, touched);
	for (at = 0; !r && at < bytes; at += ABI_PAGE_BYTES) {
		switch (check(&job->rules, (gpa + at) >> ABI_PAGE_SHIFT,
			      w->buf + at, scratch, &finding)) {
		case VERIFY_GOOD:
			break;
		case VERIFY_IN_FLIGHT:
			w->in_flight_pages++;
			break;
		case VERIFY_BAD:
			r = findings_add(&w->findings, &finding);
			break;
		}
	}
	return r;
}

/* Chunk number @chunk of all that is to be checked; false past the last. */
static bool find_chunk(const struct job *job, uint64_t chunk,
		       uint32_t *ret_kind, uint64_t *ret_gpa,
		       uint64_t *ret_bytes)
{
	uint32_t i;

	for (i = 0; i < job->control->nr_ram; i++) {
		const struct abi_ram_range *r = &job->control->ram[i];
		uint64_t nr = (r->bytes + CHUNK_BYTES - 1) / CHUNK_BYTES;
		uint64_t at = chunk * CHUNK_BYTES;

		if (!check_of(&job->rules, r->kind))
			continue;
		if (chunk < nr) {
			*ret_kind = r->kind;
			*ret_gpa = r->gpa + at;
			*ret_bytes = oracle_min(CHUNK_BYTES, r->bytes - at);
			return true;
		}
		chunk -= nr;
	}
	return false;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct job *job = w->job;
	uint64_t gpa, bytes;
	uint32_t kind;
	int r, none;

	while (!atomic_load(&job->error) &&
	       find_chunk(job, atomic_fetch_add(&job->next_chunk, 1), &kind,
			  &gpa, &bytes)) {
		r = check_chunk(w, kind, gpa, bytes);
		none = 0;
		if (r)
			atomic_compare_exchange_strong(&job->error, &none, r);
	}
	return NULL;
}

static int worker_init(struct worker *w, struct job *job)
{
	*w = (struct worker){ .job = job };
	w->buf =
		aligned_alloc(ABI_PAGE_BYTES, CHUNK_BYTES + 2 * ABI_PAGE_BYTES);
	ram_sparse_open(&w->ram, job->ram);
	return w->buf ? 0 : -ENOMEM;
}

static void worker_exit(struct worker *w)
{
	if (w->job)
		ram_sparse_close(&w->ram);
	free(w->buf);
	findings_exit(&w->findings);
}

/* Runs @nr workers, the first in this thread. Fewer threads than asked for
 * do the same work. */
static void run_workers(struct worker *w, unsigned int nr)
{
	unsigned int i;

	for (i = 1; i < nr; i++)
		w[i].started =
			!pthread_create(&w[i].thread, NULL, worker_main, &w[i]);
	worker_main(&w[0]);
	for (i = 1; i < nr; i++)
		if (w[i].started)
			pthread_join(w[i].thread, NULL);
}

static int collect(const struct worker *w, struct verify_report *report)
{
	unsigned int i;
	size_t at;
	int r = 0;

	for (i = 0; i <= ABI_RAM_FIRMWARE; i++) {
		report->checked_bytes[i] += w->checked_bytes[i];
		report->bytes_checked += w->checked_bytes[i];
	}
	report->in_flight_pages += w->in_flight_pages;
	for (at = 0; !r && at < w->findings.nr; at++)
		r = findings_add(&report->findings, &w->findings.item[at]);
	return r;
}

static int check_all(struct job *job, unsigned int nr,
		     struct verify_report *report)
{
	struct worker *w = calloc(nr, sizeof(*w));
	unsigned int i;
	int r = w ? 0 : -ENOMEM;

	for (i = 0; !r && i < nr; i++)
		r = worker_init(&w[i], job);
	if (!r) {
		run_workers(w, nr);
		r = atomic_load(&job->error);
	}
	for (i = 0; w && i < nr; i++) {
		if (!r)
			r = collect(&w[i], report);
		worker_exit(&w[i]);
	}
	free(w);
	return r ? r : findings_sort(&report->findings);
}

/* Image ranges must be pages that the ELF file knows, all of them. */
static int check_image_ranges(const struct job *job, struct error *err)
{
	uint32_t i;

	for (i = 0; job->rules.image.data && i < job->control->nr_ram; i++) {
		const struct abi_ram_range *r = &job->control->ram[i];
		uint64_t at;

		if (r->kind != ABI_RAM_IMAGE)
			continue;
		for (at = r->gpa; at < r->gpa + r->bytes; at += ABI_PAGE_BYTES)
			if (!elf_image_page(&job->rules.image, at))
				return error_set(err, -EPROTO,
						 "the guest lists 0x%llx as "
						 "read-only image, which its "
						 "ELF file does not have",
						 (unsigned long long)at);
	}
	return 0;
}

static int job_init(struct job *job, const struct ram *ram,
		    const struct guest_view *view,
		    const struct verify_params *params, struct error *err)
{
	const struct abi_control *c = &view->control;
	int r;

	*job = (struct job){ .ram = ram, .control = c };
	job->rules.in_flight_allowed = params->in_flight_allowed;
	if (c->state == ABI_STATE_FILLING)
		return error_set(err, -EAGAIN,
				 "the guest is still filling its working set");
	r = guest_account_matches(view, ram, err);
	if (r)
		return r;
	if (view->has_epoch)
		expect_init(&job->rules.expect, view);
	if (!params->image_elf)
		return 0;
	r = elf_image_load(params->image_elf, params->image_bytes, c->image_gpa,
			   &job->rules.image, err);
	return r ? r : check_image_ranges(job, err);
}

/* Sums of the account: what is left out, and the share that was checked. */
static void account(const struct guest_view *view, struct verify_report *report)
{
	const struct abi_control *c = &view->control;
	uint64_t countable = 0;
	uint32_t i;

	for (i = 0; i < c->nr_ram; i++) {
		const struct abi_ram_range *r = &c->ram[i];

		if (r->kind == ABI_RAM_PRIVATE || r->kind == ABI_RAM_FIRMWARE)
			report->excluded_bytes[r->kind] += r->bytes;
		else
			countable += r->bytes;
	}
	report->excluded_bytes[ABI_RAM_PRIVATE] +=
		guest_account_control_bytes(view);
	report->pages_checked = report->bytes_checked / ABI_PAGE_BYTES;
	report->unchecked_bytes = countable - report->bytes_checked;
	report->coverage_pct = countable
				       ? 100.0 * (double)report->bytes_checked /
						 (double)countable
				       : 0.0;
	findings_count(&report->findings, report->bad);
}

int verify_ram(const struct ram *ram, const struct guest_view *view,
	       const struct verify_params *params,
	       struct verify_report *ret_report, struct error *err)
{
	uint64_t begin_ns = clock_now_ns();
	unsigned int nr = params->nr_threads ? params->nr_threads : 1;
	struct verify_report report = { 0 };
	struct job job;
	int r = job_init(&job, ram, view, params, err);

	if (!r) {
		r = check_all(&job,
			      nr < VERIFY_MAX_THREADS ? nr : VERIFY_MAX_THREADS,
			      &report);
		if (r)
			error_set(err, r, "cannot read the guest's memory: %s",
				  strerror(-r));
	}
	if (r) {
		verify_report_exit(&report);
	} else {
		account(view, &report);
		report.duration_ns = clock_now_ns() - begin_ns;
		*ret_report = report;
	}
	elf_image_exit(&job.rules.image);
	return r;
}

void verify_report_exit(struct verify_report *report)
{
	findings_exit(&report->findings);
}
