/* SPDX-License-Identifier: MIT */
/*
 * Does the sampler disturb the guest, and is its blackout right?
 *
 * Cost: pairs of short intervals, with and without the sampler, in turns; the
 * quotient of the guest's steps, with a 95 % interval. Truth: a machine is
 * stopped for a known time and goes on, and the blackout that a migration
 * would report is compared with it: the driver's code from the counters to the
 * figure. The workload runs with rate=0, so that a step is microseconds.
 *
 * The known time begins when the STOP event arrives and ends as `cont` is
 * sent; to RESUME's arrival, beside it, includes what `cont` takes.
 *
 * usage: sampler VMFERRY GUEST.ELF mini|kvm|tcg [CPUS [PAIRS [STOPS]]]
 * Exit code 1 if the median of 10 stops or more is beyond 2 ms, or, on however
 * busy a machine, if a blackout is shorter than the stop by more than the error
 * that it admits. The cost is reported only.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "drive/run.h"
#include "drive/rundir.h"
#include "drive/sampler.h"
#include "perf/perf.h"
#include "qmp/client.h"
#include "report/paired.h"

#define RAM_BYTES (256ull << 20)
#define INTERVAL_NS (100 * NSEC_PER_MSEC)
#define MAX_PAIRS 400u
#define MAX_STOPS 100u
#define LIMIT_US 2000.0
#define LEAST_STOPS 10u
#define ENV_VMFERRY "PERF_SAMPLER_VMFERRY"

struct bench {
	struct drive_vm vm;
	struct counters live;
	uint64_t tsc_hz;
	unsigned int nr_pairs, nr_stops;
};

static void check(int rc, const char *what, const struct error *err)
{
	if (!rc)
		return;
	fprintf(stderr, "sampler: %s: %s\n", what,
		err && err->text[0] ? err->text : strerror(-rc));
	exit(rc == -ENODEV || rc == -EACCES ? 77 : 99);
}

static struct sampler *begin(const struct bench *b)
{
	struct sampler *s;

	check(sampler_start(&b->live, &b->live, b->tsc_hz, &s), "thread", NULL);
	return s;
}

/* Steps a second of one interval. */
static double rate(const struct bench *b, bool sampled)
{
	struct sampler *s = sampled ? begin(b) : NULL;
	uint64_t steps = counters_steps(&b->live), from = clock_now_ns();
	double r;

	clock_sleep_until_ns(from + INTERVAL_NS);
	steps = counters_steps(&b->live) - steps;
	r = (double)steps * 1e9 / (double)(clock_now_ns() - from);
	if (s)
		sampler_stop(s, NULL);
	return r;
}

/* Which of the two goes first alternates: a drift cancels. */
static void cost(const struct bench *b)
{
	double change[MAX_PAIRS], with[MAX_PAIRS], without[MAX_PAIRS];
	struct paired p = { .n = 0 };
	unsigned int i;

	for (i = 0; i < b->nr_pairs; i++) {
		if (i & 1)
			with[i] = rate(b, true);
		without[i] = rate(b, false);
		if (!(i & 1))
			with[i] = rate(b, true);
		change[i] = 100 * log(with[i] / without[i]);
	}
	if (paired_compute(change, b->nr_pairs, &p))
		check(-EIO, "the guest stands still", NULL);
	printf("cost: %.0f steps/s without, %.0f with the sampler; of a pair "
	       "%+.2f %% ",
	       perf_median(without, b->nr_pairs),
	       perf_median(with, b->nr_pairs), p.median);
	if (p.has_interval)
		printf("(95 %%: %+.2f to %+.2f), ", p.low, p.high);
	printf("%u pairs of %u ms\n", b->nr_pairs,
	       (unsigned int)(INTERVAL_NS / NSEC_PER_MSEC));
}

/* One stop, in ms: what is known, and what was seen. */
struct stop {
	double known, to_resume, blackout, tsc, resolution;
};

static uint64_t arrival(struct bench *b, const char *name)
{
	struct qmp_event event;
	uint64_t at;

	check(qmp_client_wait_event(b->vm.qmp, name,
				    clock_now_ns() + 5 * NSEC_PER_SEC, &event),
	      name, NULL);
	at = event.arrived_ns;
	qmp_event_exit(&event);
	return at;
}

static void execute(struct bench *b, const char *command)
{
	struct error err = { "" };

	check(drive_vm_execute(&b->vm, command, NULL, NULL, &err), command,
	      &err);
}

static double longest_by_tsc(const struct bench *b,
			     const struct sampler_result *r)
{
	double longest = 0, ms;
	unsigned int i;

	for (i = 0; i < r->nr_vcpus; i++) {
		const struct sampler_vcpu *v = &r->vcpu[i];

		ms = (double)(int64_t)(v->target_tsc - v->source_tsc) * 1e3 /
		     (double)b->tsc_hz;
		if (v->first_target_ns && ms > longest)
			longest = ms;
	}
	return longest;
}

/* False: on a busy machine the sampler came too late to see the guest run. */
static bool stop_for(struct bench *b, uint64_t length_ns, struct stop *out)
{
	struct abi_vcpu copy[ABI_MAX_VCPUS] = { 0 };
	const struct counters frozen = { .mapped = copy,
					 .nr_vcpus = b->live.nr_vcpus };
	struct sampler *s = begin(b);
	uint64_t stopped, cont, resumed, blackout, resolution, patience;
	struct sampler_result r;

	clock_sleep_until_ns(clock_now_ns() + 20 * NSEC_PER_MSEC +
			     (uint64_t)(rand() % 1000) * NSEC_PER_USEC);
	qmp_client_drain_events(b->vm.qmp);
	execute(b, "stop");
	stopped = arrival(b, "STOP");
	sampler_hurry(s);
	check(counters_read(&b->live, copy), "counters", NULL);
	sampler_replace_source(s, &frozen);
	clock_sleep_until_ns(stopped + length_ns);
	cont = clock_now_ns();
	execute(b, "cont");
	resumed = arrival(b, "RESUME");
	patience = clock_now_ns() + NSEC_PER_SEC;
	while (!sampler_all_moved(s) && clock_now_ns() < patience)
		clock_sleep_until_ns(clock_now_ns() + NSEC_PER_MSEC);
	sampler_stop(s, &r);
	if (!sampler_blackout_ns(&r, &blackout) ||
	    !sampler_resolution_ns(&r, &resolution))
		return false;
	*out = (struct stop){
		.known = (double)(cont - stopped) / 1e6,
		.to_resume = (double)(resumed - stopped) / 1e6,
		.blackout = (double)blackout / 1e6,
		.tsc = longest_by_tsc(b, &r),
		.resolution = (double)resolution / 1e6,
	};
	return true;
}

static void print_row(const char *what, double *us, unsigned int nr)
{
	double median = perf_median(us, nr);

	printf("  %-34s median %+6.0f us, quartiles %+6.0f %+6.0f, "
	       "min %+6.0f, max %+6.0f\n",
	       what, median, perf_quantile(us, nr, 0.25),
	       perf_quantile(us, nr, 0.75), us[0], us[nr - 1]);
}

/* Return: was none too short, and is the median within the limit? */
static bool truth(struct bench *b, unsigned int length_ms)
{
	double off[MAX_STOPS], resume[MAX_STOPS], tsc[MAX_STOPS];
	double error[MAX_STOPS];
	unsigned int i;
	unsigned int tries = 10 * b->nr_stops;
	struct stop s;
	bool ok = true;

	for (i = 0; i < b->nr_stops; i++) {
		while (!stop_for(b, length_ms * NSEC_PER_MSEC, &s))
			check(tries-- ? 0 : -ETIMEDOUT,
			      "no progress after cont", NULL);

		ok &= s.blackout + s.resolution >= s.known;
		off[i] = 1e3 * (s.blackout - s.known);
		resume[i] = 1e3 * (s.blackout - s.to_resume);
		tsc[i] = 1e3 * (s.blackout - s.tsc);
		error[i] = 1e3 * s.resolution;
	}
	printf("stop of %u ms, %u times\n", length_ms, b->nr_stops);
	print_row("blackout - known length", off, b->nr_stops);
	print_row("blackout - (STOP to RESUME)", resume, b->nr_stops);
	print_row("blackout - gap by the guest's TSC", tsc, b->nr_stops);
	print_row("the error that it admits", error, b->nr_stops);
	return ok && (b->nr_stops < LEAST_STOPS ||
		      fabs(perf_median(off, b->nr_stops)) <= LIMIT_US);
}

static int boot(struct bench *b, const char *kind, char *const *argv,
		unsigned int cpus, const char *dir)
{
	bool kvm = !strcmp(kind, "kvm");
	const struct drive_vm_params p = {
		.kind = strcmp(kind, "mini") ? DRIVE_QEMU : DRIVE_MINI,
		.qemu = { .binary = "qemu-system-x86_64",
			  .machine = kvm ? "microvm" : "q35",
			  .accel = kvm ? "kvm" : "tcg" },
		.name = "guest",
		.dir = dir,
		.ram_bytes = RAM_BYTES,
		.nr_vcpus = cpus,
		.memory = { .kind = BACKING_ANON,
			    .page_bytes = ABI_PAGE_BYTES },
		.kernel = argv[2],
	};
	struct error err = { "" };
	struct workload w;
	double ms;
	int rc;

	rc = workload_parse("rate=0", RAM_BYTES, &w, &err);
	if (!rc)
		rc = drive_vm_start(&p, &b->vm, &err);
	if (!rc)
		rc = run_await_ready(&b->vm, &ms, &err);
	if (!rc)
		rc = run_start_workload(&b->vm, &w, NULL, &err);
	if (!rc)
		rc = drive_vm_counters(&b->vm, NULL, &b->live, &b->tsc_hz,
				       &err);
	if (rc) {
		drive_vm_stop(&b->vm);
		rundir_remove(dir);
		check(rc, kind, &err);
	}
	return 0;
}

static unsigned int number(int argc, char **argv, int at, unsigned int value,
			   unsigned int max)
{
	unsigned long n = argc > at ? strtoul(argv[at], NULL, 10) : value;

	return n > max ? max : (unsigned int)n;
}

int main(int argc, char **argv)
{
	static const unsigned int lengths_ms[] = { 5, 20, 100 };
	struct bench b = { .vm = { .pid = 0 } };
	char dir[RUNDIR_BYTES] = "";
	struct error err = { "" };
	unsigned int cpus, i;
	bool ok = true;

	/* The driver starts the mini VMM as "this program, vmm ...". */
	if (argc > 1 && !strcmp(argv[1], "vmm") && getenv(ENV_VMFERRY)) {
		execv(getenv(ENV_VMFERRY), argv);
		return 127;
	}
	if (argc < 4) {
		fputs("usage: sampler VMFERRY GUEST.ELF mini|kvm|tcg [CPUS "
		      "[PAIRS [STOPS]]]\n",
		      stderr);
		return 2;
	}
	setenv(ENV_VMFERRY, argv[1], 1);
	cpus = number(argc, argv, 4, 1, ABI_MAX_VCPUS);
	b.nr_pairs = number(argc, argv, 5, 100, MAX_PAIRS);
	b.nr_stops = number(argc, argv, 6, 20, MAX_STOPS);
	check(rundir_create(dir, &err), "directory", &err);
	perf_print_load(stdout);
	boot(&b, argv[3], argv, cpus, dir);
	printf("%s, %u vCPUs, rate=0\n", argv[3], cpus);
	if (b.nr_pairs)
		cost(&b);
	for (i = 0; b.nr_stops && i < 3; i++)
		ok &= truth(&b, lengths_ms[i]);
	drive_vm_stop(&b.vm);
	rundir_remove(dir);
	perf_print_load(stdout);
	return ok ? 0 : 1;
}
