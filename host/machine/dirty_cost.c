/* SPDX-License-Identifier: MIT */
/* The cost of dirty tracking, measured on a guest in this process. */
#include "machine/dirty_cost.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bitmap.h"
#include "base/clock.h"
#include "machine/local_guest.h"
#include "vmm/dirty.h"

#define RATE_NS (100 * NSEC_PER_MSEC)
/* A guest that takes longer to go over its set has stopped. */
#define PASS_LIMIT_NS (120 * NSEC_PER_SEC)

struct dirty_cost {
	struct dirty_cost_params params;
	struct local_guest *guest;
	struct vm *vm;
	uint64_t *map[GUESTMEM_MAX_REGIONS];
	double step_cpu_ns; /* of one step, without a log */
};

/* The guest's counters and the time, at one moment. */
struct mark {
	uint64_t ns, steps;
	uint64_t cpu_ns; /* of the vCPUs' threads */
};

static const char *const methods_lacking[] = {
	[DIRTY_PROTECT] = "KVM here has no KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2",
	[DIRTY_ALL_SET] = "KVM here has no KVM_DIRTY_LOG_INITIALLY_SET",
};

static uint64_t steps_of(const struct dirty_cost *c, unsigned int vcpu)
{
	return __atomic_load_n(&local_guest_vcpus(c->guest)[vcpu].steps,
			       __ATOMIC_RELAXED);
}

/* Of another thread of ours. Source: Linux, include/linux/posix-timers_types.h,
 * MAKE_THREAD_CPUCLOCK with CPUCLOCK_SCHED; as pthread_getcpuclockid(3). */
static uint64_t thread_cpu_ns(pid_t tid)
{
	clockid_t clock = (clockid_t)(~(unsigned int)tid << 3 | 6);
	struct timespec ts = { 0, 0 };

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static struct mark now(const struct dirty_cost *c)
{
	struct mark m = { .steps = 0 };
	unsigned int i;

	for (i = 0; i < c->params.nr_vcpus; i++) {
		m.steps += steps_of(c, i);
		m.cpu_ns += thread_cpu_ns(vm_thread_id(c->vm, i));
	}
	m.ns = clock_now_ns();
	return m;
}

static double per_s(const struct mark *from, const struct mark *to)
{
	return (double)(to->steps - from->steps) * 1e9 /
	       (double)(to->ns - from->ns);
}

/* A busy host takes away time, but hardly any CPU time. */
static double cpu_per_step(const struct mark *from, const struct mark *to)
{
	uint64_t steps = to->steps - from->steps;

	return steps ? (double)(to->cpu_ns - from->cpu_ns) / (double)steps : 0;
}

static double ms_since(uint64_t ns)
{
	return (double)(clock_now_ns() - ns) / 1e6;
}

/* @ret_step_cpu_ns may be NULL. */
static double rate(const struct dirty_cost *c, double *ret_step_cpu_ns)
{
	struct mark from = now(c), to;

	clock_sleep_until_ns(from.ns + RATE_NS);
	to = now(c);
	if (ret_step_cpu_ns)
		*ret_step_cpu_ns = cpu_per_step(&from, &to);
	return per_s(&from, &to);
}

/* Every vCPU makes as many steps as its slice has pages, @passes times. A pass
 * visits each page once, so that of two any page is in one. */
static int pass(const struct dirty_cost *c, unsigned int passes,
		uint64_t wss_pages, struct error *err)
{
	uint64_t slice = wss_pages / c->params.nr_vcpus + 1;
	uint64_t from[VM_MAX_VCPUS], deadline = clock_now_ns() + PASS_LIMIT_NS;
	unsigned int i;

	for (i = 0; i < c->params.nr_vcpus; i++)
		from[i] = steps_of(c, i);
	for (i = 0; i < c->params.nr_vcpus; i++)
		while (steps_of(c, i) < from[i] + passes * slice) {
			if (clock_now_ns() > deadline)
				return error_set(err, -ETIMEDOUT,
						 "vCPU %u stands still", i);
			clock_sleep_until_ns(clock_now_ns() +
					     200 * NSEC_PER_USEC);
		}
	return 0;
}

/* Over all regions: the log ORed into the maps, cleared before. */
static int collect(struct dirty_cost *c, double *ret_ms)
{
	const struct guestmem *mem = vm_memory(c->vm);
	uint64_t begin;
	unsigned int i;
	int rc = 0;

	for (i = 0; i < mem->nr_regions; i++)
		memset(c->map[i], 0, BITMAP_BYTES(mem->region[i].bytes >> 12));
	begin = clock_now_ns();
	for (i = 0; !rc && i < mem->nr_regions; i++)
		rc = vm_fetch_dirty(c->vm, i, c->map[i],
				    BITMAP_BYTES(mem->region[i].bytes >> 12));
	*ret_ms = ms_since(begin);
	return rc;
}

static int clear(struct dirty_cost *c, double *ret_ms)
{
	const struct guestmem *mem = vm_memory(c->vm);
	uint64_t begin = clock_now_ns();
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < mem->nr_regions; i++)
		rc = vm_clear_dirty(c->vm, i, 0, mem->region[i].bytes >> 12,
				    c->map[i]);
	*ret_ms = ms_since(begin);
	return rc;
}

static bool is_dirty(const struct dirty_cost *c, uint64_t gpa)
{
	const struct guestmem *mem = vm_memory(c->vm);
	unsigned int i;

	for (i = 0; i < mem->nr_regions; i++)
		if (gpa - mem->region[i].gpa < mem->region[i].bytes)
			return bitmap_test(c->map[i],
					   (gpa - mem->region[i].gpa) >> 12);
	return false;
}

/* Each page of the working set was written while the log was on. */
static void count(const struct dirty_cost *c, struct dirty_cost_sample *s)
{
	const struct abi_control *area = local_guest_control(c->guest);
	const struct guestmem *mem = vm_memory(c->vm);
	uint64_t gpa;
	unsigned int i;

	for (i = 0; i < mem->nr_regions; i++) {
		uint64_t pages = mem->region[i].bytes >> 12;

		s->ram_pages += pages;
		s->dirty_pages += bitmap_count(c->map[i], pages);
	}
	for (i = 0; i < area->nr_ram && i < ABI_MAX_RAM_RANGES; i++) {
		const struct abi_ram_range *r = &area->ram[i];

		if (r->kind != ABI_RAM_WORK)
			continue;
		for (gpa = r->gpa; gpa < r->gpa + r->bytes;
		     gpa += ABI_PAGE_BYTES)
			s->lost_pages += !is_dirty(c, gpa);
	}
}

/* Two passes: in the first most writes fault, in the second none. */
static int work(struct dirty_cost *c, struct mark begin,
		struct dirty_cost_sample *s, struct error *err)
{
	uint64_t pages = s->wss_bytes / ABI_PAGE_BYTES;
	struct mark middle, end;
	int rc = pass(c, 1, pages, err);

	middle = now(c);
	if (!rc)
		rc = pass(c, 1, pages, err);
	end = now(c);
	if (rc)
		return rc;
	s->rate_faulting = per_s(&begin, &middle);
	/* What the steps would have taken without a log is no loss. */
	s->fault_ns = (double)(end.cpu_ns - begin.cpu_ns) -
		      (double)(end.steps - begin.steps) * c->step_cpu_ns;
	return 0;
}

static int log_and_work(struct dirty_cost *c, struct dirty_cost_sample *s,
			struct error *err)
{
	uint64_t begin = clock_now_ns();
	int rc = vm_log_start(c->vm);
	struct mark clean;

	s->enable_ms = ms_since(begin);
	/* Before pages are protected: a busy host may hold us up after it,
	 * while the guest takes its faults. */
	clean = now(c);
	if (!rc)
		rc = collect(c, &s->first_collect_ms);
	if (!rc)
		rc = clear(c, &s->first_clear_ms);
	if (!rc)
		rc = work(c, clean, s, err);
	if (!rc)
		s->rate_logged = rate(c, NULL);
	if (!rc)
		rc = collect(c, &s->collect_ms);
	if (!rc)
		rc = clear(c, &s->clear_ms);
	begin = clock_now_ns();
	vm_log_stop(c->vm);
	s->disable_ms = ms_since(begin);
	return rc;
}

/* "start" with a working set of @bytes, or with the largest there can be. */
static int start(struct dirty_cost *c, uint64_t bytes, uint64_t *ret_bytes,
		 struct error *err)
{
	char line[128], reply[LOCAL_GUEST_LINE_BYTES];
	const char *largest;
	unsigned int tries;
	int rc = 0;

	for (tries = 0; tries < 2; tries++) {
		snprintf(line, sizeof(line),
			 "start rate=0 check=off wss=%" PRIu64, bytes);
		rc = local_guest_command(c->guest, line, reply, err);
		largest =
			rc == -EINVAL ? strstr(reply, "the largest is ") : NULL;
		if (!largest)
			break;
		bytes = strtoull(largest + strlen("the largest is "), NULL, 10);
	}
	*ret_bytes = bytes;
	return rc ? rc : local_guest_event(c->guest, "filled", err);
}

int dirty_cost_measure(struct dirty_cost *c, unsigned int dirty_pct,
		       struct dirty_cost_sample *s, struct error *err)
{
	uint64_t bytes = c->params.ram_bytes / 100 * dirty_pct;
	struct vm_dirty_stats from, to;
	struct error ignored = { "" };
	int rc;

	vm_dirty_stats(c->vm, &from);
	*s = (struct dirty_cost_sample){ .wss_bytes = 0 };
	rc = start(c, bytes & ~(uint64_t)(ABI_PAGE_BYTES - 1), &s->wss_bytes,
		   err);
	if (rc)
		return rc;
	s->rate_before = rate(c, &c->step_cpu_ns);
	rc = log_and_work(c, s, err);
	if (!rc) {
		s->rate_after = rate(c, NULL);
		vm_dirty_stats(c->vm, &to);
		s->ring_full_exits = to.ring_full_exits - from.ring_full_exits;
		count(c, s);
		s->fault_ns /= (double)(s->dirty_pages ? s->dirty_pages : 1);
	}
	local_guest_command(c->guest, "stop", NULL, &ignored);
	if (rc && !err->text[0])
		error_set(err, rc, "the dirty log: %s", strerror(-rc));
	return rc;
}

static int alloc_maps(struct dirty_cost *c)
{
	const struct guestmem *mem = vm_memory(c->vm);
	unsigned int i;

	for (i = 0; i < mem->nr_regions; i++) {
		c->map[i] = calloc(1, BITMAP_BYTES(mem->region[i].bytes >> 12));
		if (!c->map[i])
			return -ENOMEM;
	}
	return 0;
}

/* Leaves KVM only what @method uses. */
static int set_method(struct dirty_cost *c, struct error *err)
{
	static const unsigned int without[] = {
		[DIRTY_BITMAP] = VM_DIRTY_NO_MANUAL,
		[DIRTY_PROTECT] = VM_DIRTY_NO_INITIALLY_SET,
		[DIRTY_ALL_SET] = 0,
	};
	enum dirty_method m = c->params.method;
	unsigned int lacks = vm_dirty_lacks(c->vm);

	/* vm_create() has seen to it. */
	if (m == DIRTY_RING)
		return 0;
	if ((m == DIRTY_PROTECT && (lacks & VM_DIRTY_NO_MANUAL)) ||
	    (m == DIRTY_ALL_SET && lacks))
		return error_set(err, -EOPNOTSUPP, "%s", methods_lacking[m]);
	return vm_dirty_degrade(c->vm, without[m]);
}

int dirty_cost_create(const struct dirty_cost_params *params,
		      struct dirty_cost **ret_cost, struct error *err)
{
	static const enum backing_kind kinds[] = {
		[DIRTY_PAGE_4K] = BACKING_ANON,
		[DIRTY_PAGE_THP] = BACKING_THP,
		[DIRTY_PAGE_2M] = BACKING_HUGETLB,
	};
	const struct vm_params vp = {
		.nr_vcpus = params->nr_vcpus,
		.ram_bytes = params->ram_bytes,
		.backing = kinds[params->page],
		.page_bytes = params->page == DIRTY_PAGE_2M ? 2u << 20 : 0,
		.dirty_ring_entries =
			params->method == DIRTY_RING ? params->ring_entries : 0,
	};
	struct dirty_cost *c;
	int rc;

	c = calloc(1, sizeof(*c));
	if (!c)
		return error_set(err, -ENOMEM, "out of memory");
	c->params = *params;
	rc = local_guest_create(&vp, &c->guest, err);
	if (rc) {
		free(c);
		return rc;
	}
	c->vm = local_guest_vm(c->guest);
	rc = set_method(c, err);
	if (!rc)
		rc = alloc_maps(c);
	if (rc && !err->text[0])
		error_set(err, rc, "cannot measure: %s", strerror(-rc));
	if (rc)
		dirty_cost_destroy(c);
	else
		*ret_cost = c;
	return rc;
}

void dirty_cost_destroy(struct dirty_cost *c)
{
	unsigned int i;

	if (!c)
		return;
	local_guest_destroy(c->guest);
	for (i = 0; i < GUESTMEM_MAX_REGIONS; i++)
		free(c->map[i]);
	free(c);
}
