/* SPDX-License-Identifier: MIT */
/* Which probes the guest has, and where its vCPUs run. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive/console.h"
#include "drive/cycles_internal.h"
#include "drive/threads.h"

#define MAX_TABLES 16u
/* Not in the guest's list: it never answers. For tests of the watchdog. */
#define STUCK "stuck"

static bool fits(const char *pattern, const char *name)
{
	size_t n = strcspn(pattern, "*");

	return pattern[n] ? !strncmp(pattern, name, n) : !strcmp(pattern, name);
}

static bool is_wanted(const struct cycles_settings *set, const char *name)
{
	unsigned int i;

	for (i = 0; i < set->nr_only; i++)
		if (fits(set->only[i], name))
			return true;
	return !set->nr_only;
}

static void add(const struct cycles_settings *set, struct cycles_boot *boot,
		const char *name, unsigned int ring)
{
	struct cycles_probe *p = &boot->probe[boot->nr];

	if (boot->nr == CYCLES_MAX_PROBES || !is_wanted(set, name))
		return;
	*p = (struct cycles_probe){ .ring = ring };
	snprintf(p->name, sizeof(p->name), "%.31s", name);
	cycles_stats_compute(NULL, 0, &p->stats);
	boot->nr++;
}

/* "NAME:RINGS,...": bit 0 ring 0, bit 1 ring 3. */
static void take_table(const struct cycles_settings *set, char *text,
		       struct cycles_boot *boot)
{
	char *save, *word, *colon;
	unsigned long rings;

	text[strcspn(text, " ")] = '\0';
	for (word = strtok_r(text, ",", &save); word;
	     word = strtok_r(NULL, ",", &save)) {
		colon = strchr(word, ':');
		if (!colon)
			continue;
		*colon = '\0';
		rings = strtoul(colon + 1, NULL, 10);
		if (rings & 1)
			add(set, boot, word, 0);
		if (rings & 2)
			add(set, boot, word, 3);
	}
}

int cycles_list(const struct cycles_settings *set, struct drive_vm *vm,
		struct cycles_boot *boot, struct error *err)
{
	uint64_t tables = 1, i;
	struct console_line line;
	char *probes;
	int rc;

	for (i = 0; i < tables; i++) {
		rc = console_command(vm->console, 20000, &line, err,
				     "cycles list=%u", (unsigned int)i);
		if (rc)
			return rc == -EINVAL ? -EPROTO : rc;
		probes = strstr(line.text, "probes=");
		if (!probes || !console_number(&line, "tables", &tables) ||
		    tables > MAX_TABLES)
			return error_set(err, -EPROTO,
					 "the guest's list of probes makes no "
					 "sense: %s",
					 line.text);
		take_table(set, probes + strlen("probes="), boot);
	}
	for (i = 0; i < set->nr_only; i++)
		if (!strcmp(set->only[i], STUCK))
			add(set, boot, STUCK, 0);
	if (!boot->nr)
		return error_set(err, -EINVAL,
				 "--only: the guest has no probe of that name; "
				 "--list shows them");
	return 0;
}

/* "vcpu3", "CPU 3/KVM": 3; else -1. */
static long vcpu_number(const char *name)
{
	static const char *const begins[] = { "vcpu", "CPU " };
	char *end;
	size_t i;
	long n;

	for (i = 0; i < 2; i++) {
		if (strncmp(name, begins[i], 4))
			continue;
		n = strtol(name + 4, &end, 10);
		return end == name + 4 ? -1 : n;
	}
	return -1;
}

int cycles_pin(const struct drive_vm *vm, const unsigned int *cpu,
	       unsigned int nr, unsigned int *ret_pinned, struct error *err)
{
	struct threads threads = { .nr = 0 };
	unsigned int i, pinned = 0;
	cpu_set_t set;
	long n;

	*ret_pinned = 0;
	if (!nr)
		return 0;
	threads_look(&threads, vm->pid, true);
	for (i = 0; i < threads.nr; i++) {
		n = vcpu_number(threads.thread[i].name);
		if (n < 0)
			continue;
		CPU_ZERO(&set);
		CPU_SET(cpu[(unsigned long)n % nr], &set);
		if (sched_setaffinity(threads.thread[i].tid, sizeof(set), &set))
			return error_set(err, -EINVAL,
					 "--pin: vCPU %ld cannot run on CPU "
					 "%u: %s",
					 n, cpu[(unsigned long)n % nr],
					 strerror(errno));
		pinned++;
	}
	*ret_pinned = pinned;
	return 0;
}
