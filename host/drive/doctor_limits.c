/* SPDX-License-Identifier: MIT */
/* Limits of this process, and whether it may read another's memory. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/procfile.h"
#include "base/units.h"
#include "drive/doctor.h"

/* What a guest of the default size pins. */
#define MEMLOCK_BYTES (512ull << 20)
#define NOFILE 1024u

static void add_memlock(struct checks *checks)
{
	char text[UNITS_TEXT_BYTES] = "unlimited";
	struct rlimit r;
	struct check *row;
	bool low;

	if (getrlimit(RLIMIT_MEMLOCK, &r))
		return;
	low = r.rlim_cur != RLIM_INFINITY && r.rlim_cur < MEMLOCK_BYTES;
	if (r.rlim_cur != RLIM_INFINITY)
		units_format_size(text, r.rlim_cur);
	row = checks_add(checks, low && geteuid() ? CHECK_NOTE : CHECK_OK,
			 "limits.memlock");
	check_value(row, "%s%s", text,
		    low && !geteuid() ? " (root may exceed it)" : "");
	if (row->state == CHECK_NOTE)
		check_advice(row, "ulimit -l unlimited for locked memory, "
				  "zero-copy sending and VFIO");
}

static void add_nofile(struct checks *checks)
{
	struct rlimit r;
	struct check *row;

	if (getrlimit(RLIMIT_NOFILE, &r))
		return;
	row = checks_add(checks, r.rlim_cur < NOFILE ? CHECK_NOTE : CHECK_OK,
			 "limits.nofile");
	check_value(row, "%" PRIu64, (uint64_t)r.rlim_cur);
	if (r.rlim_cur < NOFILE)
		check_advice(row, "ulimit -n 4096: devices with many queues "
				  "need a file each");
}

/* Reads @byte of a child of ours, as is done with a VMM's guest memory. */
static int read_child(const char *byte)
{
	char got;
	const struct iovec here = { &got, 1 };
	const struct iovec there = { (void *)byte, 1 };
	pid_t parent = getpid(), pid = fork();
	int rc;

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (getppid() == parent)
			pause();
		_exit(0);
	}
	if (pid < 0)
		return -errno;
	rc = process_vm_readv(pid, &here, 1, &there, 1, 0) == 1 ? 0 : -errno;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (!rc && got != *byte)
		rc = -EIO;
	return rc;
}

static void add_readv(struct checks *checks)
{
	static const char byte = 'v';
	int rc = read_child(&byte);
	struct check *row = checks_add(checks, rc ? CHECK_PROBLEM : CHECK_OK,
				       "limits.process_vm_readv");

	check_value(row,
		    rc ? "our own child's memory cannot be read: %s"
		       : "works on our children",
		    strerror(-rc));
	if (rc)
		check_advice(row, "allow it (in a container --cap-add "
				  "SYS_PTRACE): without it the host cannot "
				  "verify a guest's memory");
}

static void add_ptrace_scope(struct checks *checks)
{
	static const char *const words[] = {
		"0, any process of ours",
		"1, our children only",
		"2, with CAP_SYS_PTRACE only",
		"3, nobody",
	};
	uint64_t scope = 0;
	bool yama = !procfile_read_u64("/proc/sys/kernel/yama/ptrace_scope",
				       &scope);
	struct check *row = checks_add(checks, scope ? CHECK_NOTE : CHECK_OK,
				       "limits.ptrace_scope");

	check_value(row, "%s",
		    !yama	 ? "no Yama: any process of ours"
		    : scope <= 3 ? words[scope]
				 : "unknown to vmferry");
	if (scope)
		check_advice(row, "sysctl kernel.yama.ptrace_scope=0 to attach "
				  "to guests that somebody else started");
}

void doctor_limits(struct checks *checks)
{
	add_memlock(checks);
	add_nofile(checks);
	add_readv(checks);
	add_ptrace_scope(checks);
}
