/* SPDX-License-Identifier: MIT */
/*
 * Is our way to preallocate as fast as QEMU's? Its start-up with a preallocated
 * memory backend minus its start-up without, against prealloc_run() of the same
 * kind of memory: in turn, in pairs, warm, with page sizes proven by smaps.
 * usage: prealloc_qemu QEMU MIB ROUNDS
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
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
#include "base/hugepages.h"
#include "base/smaps.h"
#include "prealloc/prealloc.h"
#include "report/paired.h"
#include "report/stats.h"

#define MAX_ROUNDS 50u
#define MIB2 (2ull << 20)
#define POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"

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
	double wall[MAX_ROUNDS], cpu[MAX_ROUNDS]; /* log of ours / theirs */
	double ours_ms[MAX_ROUNDS], qemu_ms[MAX_ROUNDS];
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

static bool run_ours(const struct cell *cell, uint64_t mib, struct cost *ret)
{
	const struct backing_params p = { .kind = cell->kind->backing,
					  .bytes = mib << 20,
					  .page_bytes = cell->kind->page_bytes,
					  .name = "perf",
					  .reserve = true };
	const struct prealloc_config c = { .method = PREALLOC_BEST,
					   .nr_threads = cell->nr_threads };
	struct prealloc_range range = { .bytes = p.bytes,
					.page_bytes = p.page_bytes,
					.touch_bytes = 4096 };
	struct prealloc_result r;
	struct error err = { "" };
	struct backing b;
	struct smaps s = { 0 };
	int rc;

	prctl(PR_SET_THP_DISABLE, cell->kind->no_thp, 0, 0, 0);
	rc = backing_create(&p, &b, &err);
	if (rc) {
		printf("# %s\n", err.text);
		return false;
	}
	range.base = b.base;
	range.fd = b.fd;
	ret->cpu_ms = cpu_ms(CLOCK_PROCESS_CPUTIME_ID);
	rc = prealloc_run(&c, &range, &r, &err);
	ret->cpu_ms = cpu_ms(CLOCK_PROCESS_CPUTIME_ID) - ret->cpu_ms;
	ret->wall_ms = (double)r.elapsed_ns / 1e6;
	prealloc_result_exit(&r);
	smaps_read(0, (uintptr_t)b.base, b.bytes, &s);
	backing_destroy(&b);
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	if (rc)
		printf("# %s\n", err.text);
	return !rc && smaps_of_size(&s, p.page_bytes) == p.bytes;
}

/* One round of a cell; who comes first changes. */
static bool pair(const char *qemu, struct cell *cell, uint64_t mib, bool keep,
		 bool ours_first)
{
	struct cost without, with, ours;
	bool good = !ours_first || run_ours(cell, mib, &ours);

	good = good && run_qemu(qemu, cell, mib, false, &without) &&
	       run_qemu(qemu, cell, mib, true, &with) &&
	       (ours_first || run_ours(cell, mib, &ours));
	if (!good || !keep)
		return good;
	cell->qemu_ms[cell->nr] = with.wall_ms - without.wall_ms;
	cell->ours_ms[cell->nr] = ours.wall_ms;
	cell->wall[cell->nr] = log(ours.wall_ms / cell->qemu_ms[cell->nr]);
	cell->cpu[cell->nr] = log(ours.cpu_ms / (with.cpu_ms - without.cpu_ms));
	cell->nr++;
	return true;
}

static void print_ratio(double *logs, size_t nr)
{
	struct paired p;

	if (paired_compute(logs, nr, &p))
		printf("  %-22s", "-");
	else if (!p.has_interval)
		printf("  %.3f                 ", exp(p.median));
	else
		printf("  %.3f (%.3f to %.3f) ", exp(p.median), exp(p.low),
		       exp(p.high));
}

static void print_cell(struct cell *cell)
{
	struct stats ours = { 0 }, qemu = { 0 };

	stats_compute(cell->ours_ms, cell->nr, &ours);
	stats_compute(cell->qemu_ms, cell->nr, &qemu);
	printf("%-11s %u  %2zu  %8.1f  %8.1f", cell->kind->name,
	       cell->nr_threads, cell->nr, qemu.median, ours.median);
	print_ratio(cell->wall, cell->nr);
	print_ratio(cell->cpu, cell->nr);
	printf("\n");
}

/* Root may; given back by the caller. */
static long lend_pages(uint64_t mib)
{
	struct hugepages before = { 0 };
	FILE *f;

	if (hugepages_read(MIB2, &before))
		return -1;
	f = fopen(POOL, "we");
	if (!f)
		return -1;
	fprintf(f, "%llu", (unsigned long long)(before.nr + mib / 2));
	fclose(f);
	return (long)before.nr;
}

static void give_back(long nr)
{
	FILE *f = nr < 0 ? NULL : fopen(POOL, "we");

	if (!f)
		return;
	fprintf(f, "%ld", nr);
	fclose(f);
}

int main(int argc, char **argv)
{
	struct cell cells[sizeof(kinds) / sizeof(kinds[0]) * 2] = { 0 };
	size_t nr = sizeof(cells) / sizeof(cells[0]), i;
	unsigned int rounds, round;
	uint64_t mib;
	long lent;

	if (argc != 4)
		return 2;
	mib = strtoull(argv[2], NULL, 0);
	rounds = (unsigned int)strtoul(argv[3], NULL, 0);
	if (!mib || rounds > MAX_ROUNDS)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	lent = lend_pages(mib);
	for (i = 0; i < nr; i++) {
		cells[i].kind = &kinds[i / 2];
		cells[i].nr_threads = (unsigned int)i % 2 + 1;
	}
	/* The first round warms up. */
	for (round = 0; round <= rounds; round++)
		for (i = 0; i < nr; i++)
			pair(argv[1], &cells[i], mib, round, round % 2);
	give_back(lent);
	printf("%llu MiB; ratio: ours to QEMU's, median (95 %% interval)\n"
	       "memory  threads   n   QEMU ms   ours ms  time                 "
	       "   CPU time\n",
	       (unsigned long long)mib);
	for (i = 0; i < nr; i++)
		print_cell(&cells[i]);
	return 0;
}
