/* SPDX-License-Identifier: MIT */
/* CPUs, nodes and quotas, from the kernel's own files and calls. */
#include "prealloc/cpus.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/procfile.h"

#define NODES "/sys/devices/system/node/"

int cpus_parse_list(const char *text, cpu_set_t *ret)
{
	unsigned long first, last;
	cpu_set_t set;
	char *end;

	CPU_ZERO(&set);
	for (; *text; text = *end ? end + 1 : end) {
		first = last = strtoul(text, &end, 10);
		if (end == text || *text == '-')
			return -EPROTO;
		if (*end == '-') {
			text = end + 1;
			last = strtoul(text, &end, 10);
			if (end == text || *text == '-')
				return -EPROTO;
		}
		if (last < first || last >= CPU_SETSIZE ||
		    (*end && (*end != ',' || !end[1])))
			return -EPROTO;
		for (; first <= last; first++)
			CPU_SET(first, &set);
	}
	*ret = set;
	return 0;
}

static void read_allowed(cpu_set_t *ret)
{
	long i, nr = sysconf(_SC_NPROCESSORS_ONLN);

	if (!sched_getaffinity(0, sizeof(*ret), ret))
		return;
	/* More CPUs than the set has room for. */
	CPU_ZERO(ret);
	for (i = 0; i < nr && i < CPU_SETSIZE; i++)
		CPU_SET((size_t)i, ret);
}

static void add_node(struct cpus *c, unsigned int id)
{
	struct cpus_node *node = &c->node[c->nr_nodes];
	char path[96], text[1024];
	cpu_set_t set;

	snprintf(path, sizeof(path), NODES "node%u/cpulist", id);
	if (procfile_read(path, text, sizeof(text)) ||
	    cpus_parse_list(text, &set))
		return;
	CPU_AND(&node->set, &set, &c->allowed);
	node->id = id;
	if (CPU_COUNT(&node->set))
		c->nr_nodes++;
}

void cpus_read(struct cpus *ret)
{
	char text[1024] = "";
	cpu_set_t online;
	unsigned int id;

	read_allowed(&ret->allowed);
	ret->nr_nodes = 0;
	/* A list of nodes has the form of a list of CPUs. */
	if (!procfile_read(NODES "online", text, sizeof(text)) &&
	    !cpus_parse_list(text, &online))
		for (id = 0; id < CPU_SETSIZE; id++)
			if (CPU_ISSET(id, &online) &&
			    ret->nr_nodes < CPUS_MAX_NODES)
				add_node(ret, id);
	if (ret->nr_nodes)
		return;
	ret->nr_nodes = 1;
	ret->node[0] = (struct cpus_node){ .id = 0, .set = ret->allowed };
}

cpu_set_t cpus_nth(const cpu_set_t *set, unsigned int index)
{
	int nr = CPU_COUNT(set), left = nr ? (int)(index % (unsigned)nr) : 0;
	cpu_set_t one;
	size_t i;

	CPU_ZERO(&one);
	for (i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, set) && !left--) {
			CPU_SET(i, &one);
			break;
		}
	return one;
}

/* "200000 100000" -> 2; "max ..." and nonsense -> 0. */
static unsigned int quota_of(const char *text)
{
	uint64_t quota, period = 100000;
	const char *second = strchr(text, ' ');

	if (!procfile_u64(text, &quota) || !quota)
		return 0;
	if (second && !procfile_u64(second, &period))
		return 0;
	if (!period || quota / period >= CPU_SETSIZE)
		return 0;
	return (unsigned int)((quota + period - 1) / period);
}

static unsigned int quota_at(const char *folder, bool v2)
{
	char path[1024], text[128], period[64];

	if (v2) {
		snprintf(path, sizeof(path), "%s/cpu.max", folder);
		return procfile_read(path, text, sizeof(text)) ? 0
							       : quota_of(text);
	}
	snprintf(path, sizeof(path), "%s/cpu.cfs_quota_us", folder);
	/* "-1" is no number here: no limit. */
	if (procfile_read(path, text, 48))
		return 0;
	snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", folder);
	if (!procfile_read(path, period, sizeof(period))) {
		strcat(text, " ");
		strcat(text, period);
	}
	return quota_of(text);
}

/* The least of a group's and those of all above it. */
static unsigned int quota_up(const char *root, const char *group, bool v2)
{
	unsigned int least = 0, one;
	char folder[768];
	size_t end = strlen(root);

	if ((size_t)snprintf(folder, sizeof(folder), "%s%s", root, group) >=
	    sizeof(folder))
		return 0;
	for (;;) {
		one = quota_at(folder, v2);
		if (one && (!least || one < least))
			least = one;
		if (strlen(folder) <= end)
			return least;
		*strrchr(folder, '/') = '\0';
	}
}

static bool has_controller(const char *list, size_t len)
{
	char words[256];

	snprintf(words, sizeof(words), ",%.*s,", (int)len, list);
	return strstr(words, ",cpu,");
}

unsigned int cpus_quota(const char *proc_cgroup, const char *root)
{
	unsigned int least = 0, one;
	char v1_root[256], group[512];
	const char *line = proc_cgroup, *list, *path;

	snprintf(v1_root, sizeof(v1_root), "%s/cpu", root);
	for (; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		list = strchr(line, ':');
		path = list ? strchr(list + 1, ':') : NULL;
		if (!path || path[1] != '/')
			continue;
		snprintf(group, sizeof(group), "%.*s",
			 (int)strcspn(path + 1, "\n"), path + 1);
		one = 0;
		if (path == list + 1)
			one = quota_up(root, group, true);
		else if (has_controller(list + 1, (size_t)(path - list - 1)))
			one = quota_up(v1_root, group, false);
		if (one && (!least || one < least))
			least = one;
	}
	return least;
}

int cpus_bind_memory(void *base, uint64_t bytes, unsigned int id,
		     struct error *err)
{
	unsigned long mask[CPU_SETSIZE / (8 * sizeof(long))] = { 0 };
	unsigned int bits = 8 * sizeof(long);
	int rc;

	if (id >= CPU_SETSIZE)
		return error_set(err, -EINVAL, "there is no NUMA node %u", id);
	mask[id / bits] |= 1ul << id % bits;
	/* One bit more than the kernel looks at: mbind(2), BUGS. */
	if (!syscall(SYS_mbind, base, bytes, MPOL_BIND, mask,
		     (unsigned long)CPU_SETSIZE + 1, 0))
		return 0;
	rc = -errno;
	return error_set(err, rc, "cannot bind memory to NUMA node %u: %s", id,
			 rc == -EINVAL ? "there is no such node, or it has no "
					 "memory"
				       : strerror(-rc));
}
