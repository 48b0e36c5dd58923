/* SPDX-License-Identifier: MIT */
/* Which CPUs there are for us, and on which NUMA nodes. */
#ifndef VMFERRY_PREALLOC_CPUS_H
#define VMFERRY_PREALLOC_CPUS_H

#include <sched.h>
#include <stdint.h>

#include "base/error.h"

#define CPUS_MAX_NODES 64u

struct cpus_node {
	unsigned int id;
	cpu_set_t set; /* those that affinity leaves us; not empty */
};

struct cpus {
	cpu_set_t allowed; /* by affinity */
	unsigned int nr_nodes; /* at least 1 */
	struct cpus_node node[CPUS_MAX_NODES];
};

/* Without NUMA: one node, 0, with all CPUs. */
void cpus_read(struct cpus *ret);

/* The @index-th CPU of @set, in turn, alone. */
cpu_set_t cpus_nth(const cpu_set_t *set, unsigned int index);

/* CPUs listed by "0-3,8"; pure. 0, or -EPROTO. */
int cpus_parse_list(const char *text, cpu_set_t *ret);

/**
 * cpus_quota() - CPUs' worth of time that our cgroups leave us, rounded up.
 * @proc_cgroup: text of /proc/self/cgroup.
 * @root: where the hierarchies are mounted: "/sys/fs/cgroup".
 *
 * Looks at cpu.max (v2) or cpu.cfs_quota_us (v1) of the group and of all above
 * it. Return: 0 = no limit. Source: Documentation/admin-guide/cgroup-v2.rst.
 */
unsigned int cpus_quota(const char *proc_cgroup, const char *root);

/* Pages of [@base, @base + @bytes) come from node @id alone from here on. */
int cpus_bind_memory(void *base, uint64_t bytes, unsigned int id,
		     struct error *err);

#endif
