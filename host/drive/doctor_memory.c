/* SPDX-License-Identifier: MIT */
/* Memory: size, nodes, huge pages, and who moves pages behind our back. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/procfile.h"
#include "base/units.h"
#include "drive/doctor.h"

#define HUGE "/sys/kernel/mm/hugepages"
#define THP "/sys/kernel/mm/transparent_hugepage/"
/* Two guests of the default 512 MiB, and room around them. */
#define FEW_BYTES (2ull << 30)

static uint64_t meminfo(const char *key)
{
	char text[4096], value[64];
	uint64_t kib = 0;

	procfile_read("/proc/meminfo", text, sizeof(text));
	if (procfile_field(text, key, value, sizeof(value)))
		procfile_u64(value, &kib);
	return kib << 10;
}

static void add_size(struct checks *checks)
{
	uint64_t available = meminfo("MemAvailable");
	char all[UNITS_TEXT_BYTES], left[UNITS_TEXT_BYTES];
	bool few = available < FEW_BYTES;
	struct check *row =
		checks_add(checks, few ? CHECK_NOTE : CHECK_OK, "memory.size");

	check_value(row, "%s, %s available",
		    units_format_size(all, meminfo("MemTotal")),
		    units_format_size(left, available));
	if (few)
		check_advice(row, "free some, or keep --ram below a third of "
				  "it: source and target are both here");
}

static void add_swap(struct checks *checks)
{
	uint64_t bytes = meminfo("SwapTotal");
	char text[UNITS_TEXT_BYTES];
	struct check *row = checks_add(checks, bytes ? CHECK_NOTE : CHECK_OK,
				       "memory.swap");

	check_value(row, "%s", bytes ? units_format_size(text, bytes) : "none");
	if (bytes)
		check_advice(row, "swapoff -a while measuring: a swapped page "
				  "costs a migration milliseconds");
}

static void add_nodes(struct checks *checks)
{
	char text[256] = "0";
	unsigned int nr;
	struct check *row;

	procfile_read("/sys/devices/system/node/online", text, sizeof(text));
	nr = procfile_list_count(text);
	row = checks_add(checks, nr > 1 ? CHECK_NOTE : CHECK_OK,
			 "memory.numa_nodes");
	check_value(row, "%u", nr ? nr : 1);
	if (nr > 1)
		check_advice(row, "bind the run to one node: numactl "
				  "--cpunodebind=0 --membind=0 vmferry ...");
}

static void add_huge_size(const char *folder, struct checks *checks)
{
	char path[512], size[UNITS_TEXT_BYTES], name[48];
	uint64_t kib, nr = 0, nr_free = 0;
	struct check *row;

	if (!procfile_u64(folder + strlen("hugepages-"), &kib))
		return;
	snprintf(path, sizeof(path), HUGE "/%s/nr_hugepages", folder);
	procfile_read_u64(path, &nr);
	snprintf(path, sizeof(path), HUGE "/%s/free_hugepages", folder);
	procfile_read_u64(path, &nr_free);
	snprintf(name, sizeof(name), "memory.huge_pages_%s",
		 kib == 2048	  ? "2M"
		 : kib == 1048576 ? "1G"
				  : "other");
	row = checks_add(checks, nr ? CHECK_OK : CHECK_ABSENT, name);
	check_value(row, "%s: %" PRIu64 " reserved, %" PRIu64 " free",
		    units_format_size(size, kib << 10), nr, nr_free);
	if (!nr)
		check_advice(row,
			     "echo N > " HUGE "/%s/nr_hugepages for "
			     "guests in hugetlbfs",
			     folder);
}

static void add_huge(struct checks *checks)
{
	DIR *dir = opendir(HUGE);
	struct dirent *entry;

	if (!dir) {
		check_value(checks_add(checks, CHECK_ABSENT,
				       "memory.huge_pages_2M"),
			    "this kernel has no hugetlbfs");
		return;
	}
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "hugepages-", 10))
			add_huge_size(entry->d_name, checks);
	closedir(dir);
}

static void add_thp(struct checks *checks, const char *name, const char *path,
		    const char *advice)
{
	char text[128], mode[32];
	struct check *row;
	bool never;

	if (procfile_read(path, text, sizeof(text)) ||
	    !procfile_chosen(text, mode, sizeof(mode))) {
		check_value(checks_add(checks, CHECK_ABSENT, name),
			    "this kernel has none");
		return;
	}
	never = !strcmp(mode, "never") || !strcmp(mode, "deny");
	row = checks_add(checks, never ? CHECK_NOTE : CHECK_OK, name);
	check_value(row, "%s", mode);
	if (never)
		check_advice(row, "%s", advice);
}

/* A daemon that should not be at work meanwhile: 0 is good. */
static void add_daemon(struct checks *checks, const char *name,
		       const char *path, const char *advice)
{
	uint64_t value;
	struct check *row;

	if (procfile_read_u64(path, &value))
		return;
	row = checks_add(checks, value ? CHECK_NOTE : CHECK_OK, name);
	check_value(row, value ? "on (%" PRIu64 ")" : "off", value);
	if (value)
		check_advice(row, "%s", advice);
}

void doctor_memory(struct checks *checks)
{
	add_size(checks);
	add_swap(checks);
	add_nodes(checks);
	add_huge(checks);
	add_thp(checks, "memory.thp", THP "enabled",
		"echo madvise > " THP "enabled, for guests in huge pages "
		"without reserving any");
	add_thp(checks, "memory.thp_shmem", THP "shmem_enabled",
		"echo advise > " THP "shmem_enabled, for memfd guests in huge "
		"pages");
	add_daemon(checks, "memory.ksm", "/sys/kernel/mm/ksm/run",
		   "echo 0 > /sys/kernel/mm/ksm/run while measuring: it merges "
		   "pages behind the guest's back");
	add_daemon(checks, "memory.numa_balancing",
		   "/proc/sys/kernel/numa_balancing",
		   "echo 0 > /proc/sys/kernel/numa_balancing while measuring: "
		   "it unmaps pages to see who uses them");
}
