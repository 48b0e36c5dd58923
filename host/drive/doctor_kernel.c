/* SPDX-License-Identifier: MIT */
/* Kernel settings that a run depends on or suffers from. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/procfile.h"
#include "base/units.h"
#include "drive/doctor.h"

/* Linux 5.11; Debian 12's header has it, older ones do not. */
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

/* Linux 6.1. */
#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

static bool opens_uffd(int flags)
{
	long fd = syscall(SYS_userfaultfd, O_CLOEXEC | flags);

	if (fd >= 0)
		close((int)fd);
	return fd >= 0;
}

static bool opens_uffd_device(void)
{
	int dev = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC), fd;

	if (dev < 0)
		return false;
	fd = ioctl(dev, USERFAULTFD_IOC_NEW, O_CLOEXEC);
	close(dev);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* KVM takes its faults in the kernel: user mode alone is not enough. */
static void add_userfaultfd(struct checks *checks)
{
	bool call = opens_uffd(0), device = opens_uffd_device();
	struct check *row =
		checks_add(checks, call || device ? CHECK_OK : CHECK_PROBLEM,
			   "kernel.userfaultfd");

	if (call || device) {
		check_value(row, "%s%s%s", call ? "system call" : "",
			    call && device ? " and " : "",
			    device ? "/dev/userfaultfd" : "");
		return;
	}
	check_value(row, opens_uffd(UFFD_USER_MODE_ONLY)
				 ? "faults of user mode only"
				 : "refused");
	check_advice(row, "echo 1 > /proc/sys/vm/unprivileged_userfaultfd, or "
			  "give access to /dev/userfaultfd: post-copy "
			  "needs it");
}

static void add_seccomp(struct checks *checks)
{
	int mode = prctl(PR_GET_SECCOMP);
	char text[256] = "";
	bool none = procfile_read("/proc/sys/kernel/seccomp/actions_avail",
				  text, sizeof(text)) != 0;
	struct check *row = checks_add(checks,
				       mode == 2 ? CHECK_NOTE
				       : none	 ? CHECK_ABSENT
						 : CHECK_OK,
				       "kernel.seccomp");

	check_value(row, "%s",
		    mode == 2 ? "a filter is on us: we are in a container or "
				"sandbox"
		    : none    ? "the kernel has none"
			      : "available, none on us");
	if (mode == 2)
		check_advice(row, "let the container run unconfined "
				  "(--security-opt seccomp=unconfined) if "
				  "something above is refused");
}

static void add_io_uring(struct checks *checks)
{
	uint64_t disabled = 0;
	bool there = !procfile_read_u64("/proc/sys/kernel/io_uring_disabled",
					&disabled);
	struct check *row = checks_add(checks, disabled ? CHECK_NOTE : CHECK_OK,
				       "kernel.io_uring");

	check_value(row, !there || !disabled ? "allowed"
			 : disabled == 1     ? "for its group only"
					     : "disabled");
	if (disabled)
		check_advice(row, "echo 0 > /proc/sys/kernel/"
				  "io_uring_disabled if QEMU is to use it");
}

struct sysctl {
	const char *name, *path;
	uint64_t least; /* that is good */
	const char *advice;
};

static const struct sysctl sysctls[] = {
	{ "kernel.max_map_count", "/proc/sys/vm/max_map_count", 65530,
	  "sysctl vm.max_map_count=65530: large guests are many mappings" },
	{ "kernel.pid_max", "/proc/sys/kernel/pid_max", 4096,
	  "sysctl kernel.pid_max=32768" },
	{ "kernel.threads_max", "/proc/sys/kernel/threads-max", 4096,
	  "sysctl kernel.threads-max=32768" },
	{ "kernel.socket_send_bytes", "/proc/sys/net/core/wmem_max", 212992,
	  "sysctl net.core.wmem_max=4194304 for migrations over TCP" },
	{ "kernel.socket_receive_bytes", "/proc/sys/net/core/rmem_max", 212992,
	  "sysctl net.core.rmem_max=4194304 for migrations over TCP" },
};

static void add_sysctl(struct checks *checks, const struct sysctl *s)
{
	uint64_t value;
	struct check *row;

	if (procfile_read_u64(s->path, &value))
		return;
	row = checks_add(checks, value < s->least ? CHECK_NOTE : CHECK_OK,
			 s->name);
	check_value(row, "%" PRIu64, value);
	if (value < s->least)
		check_advice(row, "%s", s->advice);
}

static void add_overcommit(struct checks *checks)
{
	uint64_t mode;
	struct check *row;

	if (procfile_read_u64("/proc/sys/vm/overcommit_memory", &mode))
		return;
	row = checks_add(checks, mode == 2 ? CHECK_NOTE : CHECK_OK,
			 "kernel.overcommit");
	check_value(row, "mode %" PRIu64, mode);
	if (mode == 2)
		check_advice(row, "sysctl vm.overcommit_memory=0: strict "
				  "accounting refuses guests that would fit");
}

/* Entries of a folder but . and .., at most; 0 if it is not there. */
static unsigned int nr_entries(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	unsigned int nr = 0;

	while (dir && (entry = readdir(dir)))
		nr += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return nr;
}

static void add_vfio(struct checks *checks)
{
	bool vfio = !access("/dev/vfio/vfio", F_OK);
	bool iommufd = !access("/dev/iommu", F_OK);
	unsigned int groups = nr_entries("/sys/kernel/iommu_groups");
	bool good = (vfio || iommufd) && groups;
	struct check *row = checks_add(checks, good ? CHECK_OK : CHECK_ABSENT,
				       "kernel.vfio");

	check_value(row, "%s, %s, %u IOMMU groups",
		    vfio ? "/dev/vfio/vfio" : "no /dev/vfio/vfio",
		    iommufd ? "/dev/iommu" : "no /dev/iommu", groups);
	if (!good)
		check_advice(row, "for devices passed through: intel_iommu=on "
				  "or an AMD IOMMU in the firmware, and "
				  "modprobe vfio-pci");
}

void doctor_kernel(struct checks *checks)
{
	size_t i;

	add_userfaultfd(checks);
	add_seccomp(checks);
	add_io_uring(checks);
	add_overcommit(checks);
	for (i = 0; i < sizeof(sysctls) / sizeof(sysctls[0]); i++)
		add_sysctl(checks, &sysctls[i]);
	add_vfio(checks);
}
