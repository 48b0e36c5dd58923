/* SPDX-License-Identifier: MIT */
/*
 * Is our way to preallocate as fast as QEMU's? Its start-up with a preallocated
 * memory backend minus its start-up without, against prealloc_run() of the same
 * kind of memory: in pairs, warm, with page sizes proven by smaps. Its start-up
 * without is the median of all rounds: its noise is no pair's own. And are pages
 * of 2 MiB had at the kernel's own rate, measured in the same rounds?
 *
 * A round tries each side TRIES times in turn and keeps the fastest: whatever
 * else the host does only ever adds time.
 * usage: prealloc_qemu QEMU MIB ROUNDS [TRIES [CELL]]
 * CELL: only those whose name begins so ("hugetlb", "thp"). Each line is
 * printed as soon as it is known: of 4 GiB, 10 rounds and 3 tries all eight
 * take 20 minutes.
 * Exit code 1: slower than MOST_RATIO (upper end of the interval), or than
 * MOST_LIMIT (median) in a cell; or a cell has no figures.
 */
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/backing.h"
#include "base/clock.h"
#include "base/smaps.h"
#include "perf/perf.h"
#include "prealloc/prealloc.h"
#include "report/paired.h"
#include "report/stats.h"

#define MAX_ROUNDS 50u
#define MIB2 (2ull << 20)
#define MOST_RATIO 1.03
#define MOST_LIMIT 1.10

static const struct kind {
	const char *name, *object;
	enum backing_kind backing;
	uint64_t page_bytes;
	bool no_thp; /* QEMU asks for huge pages itself */
} kinds[] = {
	{ "anon 4K", "memory-backend-ram", BACKING_ANON, 4096, true },
	{ "thp", "memory-backend-ram", BACKING_THP, MIB2, false },
	{ "hugetlb 2M", "memory-backend-memfd,hugetlb=on,hugetlbsize=2M",
	  BACKING_MEMFD, MIB2, false },
	{ "memfd 4K", "memory-backend-memfd", BACKING_MEMFD, 4096, true },
};

struct cost {
	double wall_ms, cpu_ms;
};

struct cell {
	const struct kind *kind;
	unsigned int nr_threads;
	size_t nr;
	struct cost ours[MAX_ROUNDS], with[MAX_ROUNDS], without[MAX_ROUNDS];
	double limit_ms[MAX_ROUNDS];
};

static double cpu_ms(clockid_t clock)
{
	struct timespec t = { 0 };

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void exec_qemu(const char *qemu, const struct cell *cell, uint64_t mib,
		      bool prealloc, int out)
{
	char object[256];
	int null = open("/dev/null", O_RDWR);

	snprintf(object, sizeof(object),
		 "%s,id=m,size=%lluM,prealloc=%s,prealloc-threads=%u",
		 cell->kind->object, (unsigned long long)mib,
		 prealloc ? "on" : "off", cell->nr_threads);
	/* Survives exec. */
	if (cell->kind->no_thp)
		prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	dup2(null, 0);
	dup2(out, 1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execlp(qemu, qemu, "-machine", "none", "-nodefaults", "-display",
	       "none", "-S", "-object", object, "-qmp", "stdio", NULL);
	_exit(127);
}

/* Are all of @mib in pages of that size? */
static bool proven(const struct kind *kind, pid_t pid, uint64_t mib)
{
	struct smaps s;

	return !smaps_read(pid, 0, 1ull << 47, &s) &&
	       smaps_of_size(&s, kind->page_bytes) >= mib << 20;
}

/* Start to QMP greeting. */
static bool run_qemu(const char *qemu, const struct cell *cell, uint64_t mib,
		     bool prealloc, struct cost *ret)
{
	uint64_t start_ns = clock_now_ns();
	bool good = false;
	clockid_t clock;
	char byte;
	int out[2];
	pid_t pid;

	if (pipe2(out, O_CLOEXEC))
		return false;
	pid = fork();
	if (!pid)
		exec_qemu(qemu, cell, mib, prealloc, out[1]);
	close(out[1]);
	if (read(out[0], &byte, 1) == 1 && !clock_getcpuclockid(pid, &clock)) {
		ret->wall_ms = (double)(clock_now_ns() - start_ns) / 1e6;
		ret->cpu_ms = cpu_ms(clock);
		good = !prealloc || proven(cell->kind, pid, mib);
		if (!good)
			printf("# QEMU's pages are not as wanted\n");
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(out[0]);
	return good;
}

static int map(const struct cell *cell, uint64_t mib, struct backing *ret_b,
	       struct prealloc_range *ret_range)
{
	const struct backing_params p = { .kind = cell->kind->backing,
					  .bytes = mib << 20,
					  .page_bytes = cell->kind->page_bytes,
					  .name = "perf",
					  .reserve = true };
	struct error err = { "" };
	int rc;

	prctl(PR_SET_THP_DISABLE, cell->kind->no_thp, 0, 0, 0);
	rc = backing_create(&p, ret_b, &err);
	if (rc)
		printf("# %s\n", err.text);
	else
		*ret_range =
			(struct prealloc_range){ .base = ret_b->base,
						 .fd = ret_b->fd,
						 .bytes = p.bytes,
						 .page_bytes = p.page_bytes,
						 .touch_bytes = 4096 };
	return rc;
}

static void unmap(struct backing *b)
{
	backing_destroy(b);
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
}

static bool run_ours(const struct cell *cell, uint64_t mib, struct cost *ret)
{
	const struct prealloc_config c = { .method = PREALLOC_BEST,
					   .nr_threads = cell->nr_threads };
	struct prealloc_range range;
	struct prealloc_result r;
	struct error err = { "" };
	struct backing b;
	struct smaps s = { 0 };
	int rc;

	if (map(cell, mib, &b, &range))
		return false;
	ret->cpu_ms = cpu_ms(CLOCK_PROCESS_CPUTIME_ID);
	rc = prealloc_run(&c, &range, &r, &err);
	ret->cpu_ms = cpu_ms(CLOCK_PROCESS_CPUTIME_ID) - ret->cpu_ms;
	ret->wall_ms = (double)r.elapsed_ns / 1e6;
	prealloc_result_exit(&r);
	smaps_read(0, (uintptr_t)b.base, b.bytes, &s);
	unmap(&b);
	if (rc)
		printf("# %s\n", err.text);
	return !rc && smaps_of_size(&s, range.page_bytes) == range.bytes;
}

static bool run_limit(const struct cell *cell, uint64_t mib, double *ret_ms)
{
	struct prealloc_range range;
	struct backing b;
	uint64_t ns;
	int rc;

	if (map(cell, mib, &b, &range))
		return false;
	rc = prealloc_limit(&range, cell->nr_threads, &ns);
	unmap(&b);
	if (!rc)
		*ret_ms = (double)ns / 1e6;
	return !rc;
}

static void keep_best(struct cost *best, const struct cost *cost)
{
	if (!best->wall_ms || cost->wall_ms < best->wall_ms)
		*best = *cost;
}

/* Each of the three once; who comes first changes. */
static bool try_all(const char *qemu, struct cell *cell, uint64_t mib,
		    bool ours_first)
{
	struct cost *ours = &cell->ours[cell->nr];
	struct cost *with = &cell->with[cell->nr], cost;
	double *limit_ms = &cell->limit_ms[cell->nr], ms;
	bool good = true;

	if (ours_first) {
		good = run_ours(cell, mib, &cost);
		keep_best(ours, &cost);
	}
	good = good && run_qemu(qemu, cell, mib, true, &cost);
	keep_best(with, &cost);
	if (!ours_first) {
		good = good && run_ours(cell, mib, &cost);
		keep_best(ours, &cost);
	}
	good = good && run_limit(cell, mib, &ms);
	if (good && (!*limit_ms || ms < *limit_ms))
		*limit_ms = ms;
	return good;
}

static bool run_round(const char *qemu, struct cell *cell, uint64_t mib,
		      unsigned int tries)
{
	struct cost nothing;
	unsigned int i;
	/*
	 * Once for nothing: what was given back before may have gone to the
	 * hypervisor below meanwhile (free page reporting), and who comes first
	 * would pay for having it again.
	 */
	bool good = run_ours(cell, mib, &nothing);

	cell->ours[cell->nr] = cell->with[cell->nr] = (struct cost){ 0 };
	cell->limit_ms[cell->nr] = 0;
	for (i = 0; good && i < tries; i++)
		good = try_all(qemu, cell, mib, (i + cell->nr) % 2);
	good = good &&
	       run_qemu(qemu, cell, mib, false, &cell->without[cell->nr]);
	if (good)
		cell->nr++;
	return good;
}

static double median(const double *values, size_t nr)
{
	double sorted[MAX_ROUNDS];
	struct stats stats = { .median = NAN };

	memcpy(sorted, values, nr * sizeof(*values));
	stats_compute(sorted, nr, &stats);
	return stats.median;
}

/* Start-up without, of wall clock or CPU time. */
static double typical_without(const struct cell *cell, bool cpu)
{
	double ms[MAX_ROUNDS];

	for (size_t i = 0; i < cell->nr; i++)
		ms[i] = cpu ? cell->without[i].cpu_ms
			    : cell->without[i].wall_ms;
	return median(ms, cell->nr);
}

/* Logarithms of ours / theirs, and theirs in ms. */
static void ratios(const struct cell *cell, bool cpu, double *logs,
		   double *qemu_ms)
{
	double without = typical_without(cell, cpu), ours;

	for (size_t i = 0; i < cell->nr; i++) {
		ours = cpu ? cell->ours[i].cpu_ms : cell->ours[i].wall_ms;
		qemu_ms[i] =
			(cpu ? cell->with[i].cpu_ms : cell->with[i].wall_ms) -
			without;
		logs[i] = log(ours / qemu_ms[i]);
	}
}

/* Return: the upper end, or NAN. */
static double print_ratio(double *logs, size_t nr)
{
	struct paired p;

	if (paired_compute(logs, nr, &p) || !p.has_interval) {
		printf("  %-22s", "-");
		return NAN;
	}
	printf("  %.3f (%.3f to %.3f) ", exp(p.median), exp(p.low),
	       exp(p.high));
	return exp(p.high);
}

/* Return: is it as fast as it should be? */
static bool print_cell(const struct cell *cell)
{
	double logs[MAX_ROUNDS], qemu_ms[MAX_ROUNDS], ours_ms[MAX_ROUNDS];
	double to_limit[MAX_ROUNDS], high, limit;
	bool good;

	for (size_t i = 0; i < cell->nr; i++) {
		ours_ms[i] = cell->ours[i].wall_ms;
		to_limit[i] = ours_ms[i] / cell->limit_ms[i];
	}
	ratios(cell, false, logs, qemu_ms);
	limit = median(to_limit, cell->nr);
	printf("%-11s %u  %2zu  %8.1f  %8.1f", cell->kind->name,
	       cell->nr_threads, cell->nr, median(qemu_ms, cell->nr),
	       median(ours_ms, cell->nr));
	high = print_ratio(logs, cell->nr);
	ratios(cell, true, logs, qemu_ms);
	print_ratio(logs, cell->nr);
	good = high <= MOST_RATIO &&
	       (cell->kind->page_bytes < MIB2 || limit <= MOST_LIMIT);
	printf("  %.3f%s\n", limit, good ? "" : "  SLOW");
	return good;
}

/* A machine whose own hypervisor backs memory on first touch: not ours to pay
 * for, nor QEMU's. */
static void warm_up(uint64_t mib)
{
	const struct backing_params p = { .kind = BACKING_THP,
					  .bytes = mib << 20,
					  .page_bytes = MIB2,
					  .name = "warm" };
	struct backing b;

	if (backing_create(&p, &b, NULL))
		return;
	memset(b.base, 1, b.bytes);
	backing_destroy(&b);
}

static bool run_cell(const char *qemu, const struct kind *kind,
		     unsigned int nr_threads, uint64_t mib, unsigned int rounds,
		     unsigned int tries)
{
	struct cell cell = { .kind = kind, .nr_threads = nr_threads };
	unsigned int round;
	bool good;

	for (round = 0; round < rounds; round++)
		run_round(qemu, &cell, mib, tries);
	good = print_cell(&cell);
	fflush(stdout);
	return good;
}

int main(int argc, char **argv)
{
	const char *only = argc > 5 ? argv[5] : "";
	unsigned int rounds, tries = 3, nr_threads;
	bool good = true;
	uint64_t mib;
	long lent;
	size_t i;

	if (argc < 4 || argc > 6)
		return 2;
	mib = strtoull(argv[2], NULL, 0);
	rounds = (unsigned int)strtoul(argv[3], NULL, 0);
	if (argc > 4)
		tries = (unsigned int)strtoul(argv[4], NULL, 0);
	if (!mib || !tries || rounds > MAX_ROUNDS)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	warm_up(2 * mib);
	lent = perf_lend_pages(mib);
	printf("%llu MiB; ratio: ours to QEMU's, median (95 %% interval)\n"
	       "memory  threads   n   QEMU ms   ours ms  time                 "
	       "   CPU time                  ours to the limit\n",
	       (unsigned long long)mib);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		for (nr_threads = 1; nr_threads <= 2; nr_threads++)
			if (!strncmp(kinds[i].name, only, strlen(only)))
				good = run_cell(argv[1], &kinds[i], nr_threads,
						mib, rounds, tries) &&
				       good;
	perf_give_back(lent);
	return !good;
}
