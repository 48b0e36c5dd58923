/* SPDX-License-Identifier: MIT */
/* CPUs: which, how many we may use, and what holds them back. */
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/procfile.h"
#include "drive/doctor.h"

#define CPUINFO_BYTES 16384u /* more than one CPU's block */
#define CPU_SYSFS "/sys/devices/system/cpu/"

static void add_kernel(struct checks *checks)
{
	struct utsname u;

	if (!uname(&u))
		check_value(checks_add(checks, CHECK_OK, "host.kernel"),
			    "%s %s %s", u.sysname, u.release, u.machine);
}

static void add_model(struct checks *checks)
{
	char text[CPUINFO_BYTES], model[128] = "unknown", by[128];
	struct check *row;
	bool virtual;

	procfile_read("/proc/cpuinfo", text, sizeof(text));
	procfile_field(text, "model name", model, sizeof(model));
	check_value(checks_add(checks, CHECK_OK, "host.cpu_model"), "%s",
		    model);
	virtual = procfile_has_word(text, "hypervisor");
	row = checks_add(checks, virtual ? CHECK_NOTE : CHECK_OK,
			 "host.virtual");
	if (!virtual) {
		check_value(row, "no, bare metal");
		return;
	}
	if (procfile_read("/sys/class/dmi/id/sys_vendor", by, sizeof(by)))
		snprintf(by, sizeof(by), "an unnamed hypervisor");
	check_value(row, "this is a virtual machine itself (%s)", by);
	check_advice(row, "measure on bare metal, or repeat and watch the "
			  "steal time");
}

static unsigned int nr_allowed(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 0;
	return (unsigned int)CPU_COUNT(&set);
}

static void add_count(struct checks *checks)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int allowed = nr_allowed();
	bool few = allowed && allowed < 4;
	struct check *row =
		checks_add(checks, few ? CHECK_NOTE : CHECK_OK, "host.cpus");

	check_value(row, "%ld online, %u in our affinity", online, allowed);
	if (few)
		check_advice(row, "give it 4 CPUs or more: source, target, "
				  "their vCPUs and the driver share them");
}

/* Of the cgroup v2 or v1 that we are in; CPUs that its quota is worth. */
static bool read_quota(double *ret_cpus)
{
	char text[2048], path[1200], group[1024], quota[64];
	uint64_t quota_us, period_us;

	procfile_read("/proc/self/cgroup", text, sizeof(text));
	if (procfile_field(text, "0:", group, sizeof(group))) {
		snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cpu.max", group);
		if (!procfile_read(path, quota, sizeof(quota)) &&
		    sscanf(quota, "%" SCNu64 " %" SCNu64, &quota_us,
			   &period_us) == 2 &&
		    period_us) {
			*ret_cpus = (double)quota_us / (double)period_us;
			return true;
		}
	}
	if (procfile_read_u64("/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
			      &quota_us) ||
	    procfile_read_u64("/sys/fs/cgroup/cpu/cpu.cfs_period_us",
			      &period_us) ||
	    !period_us)
		return false;
	*ret_cpus = (double)quota_us / (double)period_us;
	return true;
}

static void add_quota(struct checks *checks)
{
	struct check *row;
	double cpus;

	if (!read_quota(&cpus)) {
		check_value(checks_add(checks, CHECK_OK, "host.cpu_quota"),
			    "none");
		return;
	}
	row = checks_add(checks, CHECK_NOTE, "host.cpu_quota");
	check_value(row, "%.2f CPUs by the cgroup", cpus);
	check_advice(row, "run outside the quota (cpu.max): throttled time "
			  "shows up as blackout");
}

static void add_governor(struct checks *checks)
{
	char text[64];
	struct check *row;
	bool good;

	if (procfile_read(CPU_SYSFS "cpu0/cpufreq/scaling_governor", text,
			  sizeof(text))) {
		check_value(
			checks_add(checks, CHECK_ABSENT, "host.cpu_governor"),
			"no cpufreq: clock rates cannot be seen from "
			"here");
		return;
	}
	good = !strcmp(text, "performance");
	row = checks_add(checks, good ? CHECK_OK : CHECK_NOTE,
			 "host.cpu_governor");
	check_value(row, "%s", text);
	if (!good)
		check_advice(row, "set it to performance: cpupower "
				  "frequency-set -g performance");
}

static void add_smt(struct checks *checks)
{
	uint64_t active;
	struct check *row;

	if (procfile_read_u64(CPU_SYSFS "smt/active", &active))
		return;
	row = checks_add(checks, active ? CHECK_NOTE : CHECK_OK, "host.smt");
	check_value(row, active ? "on" : "off");
	if (active)
		check_advice(row, "pin to separate cores (taskset), or switch "
				  "SMT off: siblings slow each other down");
}

static void add_load(struct checks *checks)
{
	char text[64];
	unsigned int cpus = nr_allowed();
	struct check *row;
	double load;

	if (procfile_read("/proc/loadavg", text, sizeof(text)) ||
	    sscanf(text, "%lf", &load) != 1)
		return;
	row = checks_add(checks, load > cpus * 0.5 ? CHECK_NOTE : CHECK_OK,
			 "host.load");
	check_value(row, "%.2f over the last minute, %u CPUs", load, cpus);
	if (row->state == CHECK_NOTE)
		check_advice(row, "stop what else is running: vmferry's VMs "
				  "compete with it");
}

void doctor_host(struct checks *checks)
{
	add_kernel(checks);
	add_model(checks);
	add_count(checks);
	add_quota(checks);
	add_governor(checks);
	add_smt(checks);
	add_load(checks);
}
