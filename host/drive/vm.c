/* SPDX-License-Identifier: MIT */
/* A VMM as a child process. */
#include "drive/vm.h"

#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "control.h"
#include "drive/console.h"
#include "drive/guest_view.h"
#include "drive/vm_kind.h"
#include "drive/vm_spawn.h"
#include "qmp/client.h"

#define QMP_TIMEOUT_MS 20000
/* A machine whose own hypervisor backs memory on first touch takes seconds a
 * GiB for it, more if it is busy. */
#define PREALLOC_TIMEOUT_MS_PER_GIB 20000
#define QUIT_TIMEOUT_MS 3000

/* Exit code by which a vmferry says that this host cannot do it. */
#define EXIT_CANNOT_RUN 77

static const struct drive_kind_ops *const kinds[] = {
	[DRIVE_MINI] = &drive_mini,
	[DRIVE_QEMU] = &drive_qemu,
};

void drive_args_add(struct drive_args *a, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (a->nr + 1 < DRIVE_MAX_ARGS &&
	    vasprintf(&a->arg[a->nr], format, ap) >= 0)
		a->nr++;
	va_end(ap);
}

/* The last line of the log that names who speaks ("vmferry vmm: ...",
 * "qemu-system-x86_64: ..."): a VMM that ends early says there why. */
static void last_words(const struct drive_vm *vm, char *text, size_t room)
{
	static const char own[] = "vmferry vmm: ";
	FILE *f = fopen(vm->log_path, "re");
	char line[512];
	const char *words;

	text[0] = '\0';
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		/* Who reports this is a vmferry too, and says so. */
		words = strncmp(line, own, strlen(own)) ? line
							: line + strlen(own);
		if (strstr(line, ": ") || (line[0] && !text[0]))
			snprintf(text, room, "%.*s", (int)room - 1, words);
	}
	if (f)
		fclose(f);
}

/* Waits up to @timeout_ms for the process to end and reaps it. */
static bool reap(struct drive_vm *vm, int timeout_ms)
{
	uint64_t deadline =
		clock_now_ns() + (uint64_t)timeout_ms * NSEC_PER_MSEC;
	int status = 0;
	pid_t pid;

	if (!vm->pid)
		return true;
	for (;;) {
		pid = waitpid(vm->pid, &status, WNOHANG);
		if (pid == vm->pid || (pid < 0 && errno != EINTR))
			break;
		if (clock_now_ns() >= deadline)
			return false;
		clock_sleep_until_ns(clock_now_ns() + NSEC_PER_MSEC);
	}
	vm->pid = 0;
	vm->wait_status = pid > 0 ? status : -1;
	return true;
}

/* Why a VMM is gone, as a sentence and an errno. */
static int explain_death(struct drive_vm *vm, int rc, struct error *err)
{
	struct error why = { "" };
	char words[400];
	int status;

	if (vm->attached)
		return rc;
	if (!reap(vm, 500) || vm->wait_status == -1)
		return rc;
	status = vm->wait_status;
	last_words(vm, words, sizeof(words));
	if (WIFEXITED(status) && (WEXITSTATUS(status) == EXIT_CANNOT_RUN ||
				  WEXITSTATUS(status) == EXIT_NO_PROGRAM))
		rc = -ENODEV;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		rc = -EINVAL;
	if (WIFSIGNALED(status))
		error_set(&why, rc, "the %s's VMM was killed by signal %d",
			  vm->name, WTERMSIG(status));
	else
		error_set(&why, rc, "%s",
			  words[0] ? words : "it ended without a word");
	if (err)
		*err = why;
	return rc;
}

/* QEMU exits with 1 whatever it is that it does not want. */
static int refusal(const struct drive_vm *vm, int rc, const char *words)
{
	if (vm->kind != &drive_qemu || vm->wait_status == -1 ||
	    !WIFEXITED(vm->wait_status) || WEXITSTATUS(vm->wait_status) != 1)
		return rc;
	/* No KVM, or not enough huge pages. */
	return strstr(words, "KVM") || strstr(words, "backing store") ? -ENODEV
								      : -EINVAL;
}

static int pair(int fd[2], struct error *err)
{
	if (!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		return 0;
	return error_set(err, -errno, "cannot create a socket pair: %s",
			 strerror(errno));
}

/* The greeting comes when all of RAM is there. */
static int start_timeout_ms(const struct drive_vm_params *params)
{
	uint64_t gib = (params->ram_bytes >> 30) + 1, more = 0;

	if (params->memory.prealloc)
		more = gib * PREALLOC_TIMEOUT_MS_PER_GIB;
	return more < INT_MAX / 2 ? QMP_TIMEOUT_MS + (int)more : INT_MAX;
}

int drive_vm_start(const struct drive_vm_params *params, struct drive_vm *vm,
		   struct error *err)
{
	struct error why = { "" }, usage = { "" };
	struct vm_spawn_keep keep = { .nr = 2 };
	char path[160];
	int qmp[2], serial[2], rc;

	vm->kind = kinds[params->kind];
	vm->wait_status = -1;
	snprintf(vm->name, sizeof(vm->name), "%s", params->name);
	snprintf(vm->log_path, sizeof(vm->log_path), "%s/%s.log", params->dir,
		 params->name);
	snprintf(path, sizeof(path), "%s/%s.console", params->dir,
		 params->name);
	rc = pair(qmp, err);
	if (rc)
		return rc;
	rc = pair(serial, err);
	if (rc) {
		close(qmp[0]);
		close(qmp[1]);
		return rc;
	}
	keep.fd[0] = qmp[1];
	keep.fd[1] = serial[1];
	rc = drive_vfio_start(&params->vfio, params->dir, params->name,
			      &vm->vfio, keep.fd + 2, err);
	keep.nr += vm->vfio.nr;
	if (!rc)
		rc = vm_spawn(vm, params, &keep, err);
	while (keep.nr)
		close(keep.fd[--keep.nr]);
	drive_vm_tell_child(params, vm->pid);
	if (!rc)
		rc = console_create(serial[0], path, &vm->console, err);
	if (rc) {
		close(serial[0]);
		close(qmp[0]);
		drive_vm_tell_child(params, 0);
		drive_vm_stop(vm);
		return rc;
	}
	rc = qmp_client_connect(qmp[0], start_timeout_ms(params), &vm->qmp,
				&why);
	if (rc) {
		/* First: a pid that is reaped may be anyone's. */
		drive_vm_tell_child(params, 0);
		rc = explain_death(vm, rc, &why);
		rc = refusal(vm, rc, why.text);
		if (drive_vfio_explain(&vm->vfio, &usage)) {
			rc = -EINVAL;
			why = usage;
		}
		drive_vm_stop(vm);
		return error_set(err, rc, "%s", why.text);
	}
	return 0;
}

int drive_vm_map(struct drive_vm *vm, const struct drive_vm *like,
		 struct error *err)
{
	int rc = vm->kind->map(vm, like, err);

	if (rc)
		return error_set(err, rc, "cannot map the %s's memory: %s",
				 vm->name, strerror(-rc));
	return 0;
}

static void end_process(struct drive_vm *vm)
{
	if (vm->pid && vm->qmp) {
		drive_vm_cpu_ns(vm);
		qmp_client_execute(vm->qmp, "quit", NULL, 500, NULL, NULL);
	}
	if (!vm->qmp || !reap(vm, QUIT_TIMEOUT_MS)) {
		if (vm->pid)
			kill(vm->pid, SIGKILL);
		reap(vm, 60000);
	}
}

bool drive_vm_is_gone(struct drive_vm *vm)
{
	return vm->attached ? qmp_client_status(vm->qmp) != 0 : !vm->pid;
}

void drive_vm_stop(struct drive_vm *vm)
{
	if (!vm->attached)
		end_process(vm);
	drive_vfio_stop(&vm->vfio);
	qmp_client_destroy(vm->qmp);
	console_destroy(vm->console);
	if (vm->control)
		munmap((void *)vm->control, vm->control_bytes);
	vm->qmp = NULL;
	vm->console = NULL;
	vm->control = NULL;
}

int drive_vm_execute(struct drive_vm *vm, const char *command, json_t *args,
		     json_t **ret_value, struct error *err)
{
	struct error why = { "" };
	int rc = qmp_client_execute(vm->qmp, command, args, QMP_TIMEOUT_MS,
				    ret_value, &why);

	if (rc == -ENODATA)
		rc = explain_death(vm, rc, &why);
	if (rc)
		error_set(err, rc, "%s: %s: %s", vm->name, command, why.text);
	return rc;
}

bool drive_vm_carries_avx(struct drive_vm *vm)
{
	return vm->kind->carries_avx(vm);
}

int drive_vm_status(struct drive_vm *vm, char *status, struct error *err)
{
	const char *text;
	json_t *reply;
	int rc = drive_vm_execute(vm, "query-status", NULL, &reply, err);

	if (rc)
		return rc;
	text = json_string_value(json_object_get(reply, "status"));
	snprintf(status, 32, "%s", text ? text : "unknown");
	json_decref(reply);
	return 0;
}

/* By its CPU clock: /proc/PID/stat counts ticks of 10 ms. */
uint64_t drive_vm_cpu_ns(struct drive_vm *vm)
{
	struct timespec ts;
	clockid_t clock;

	if (vm->pid && !clock_getcpuclockid(vm->pid, &clock) &&
	    !clock_gettime(clock, &ts))
		vm->cpu_ns = (uint64_t)ts.tv_sec * NSEC_PER_SEC +
			     (uint64_t)ts.tv_nsec;
	return vm->cpu_ns;
}

int drive_vm_sleep(struct drive_vm *vm, uint64_t deadline_ns, struct error *err)
{
	struct error why = { "it ends" };
	struct qmp_event event;
	int rc =
		qmp_client_wait_event(vm->qmp, "SHUTDOWN", deadline_ns, &event);

	if (rc == -ETIMEDOUT)
		return 0;
	if (!rc)
		qmp_event_exit(&event);
	rc = explain_death(vm, -ENODATA, &why);
	return error_set(err, rc, "the %s is gone: %s", vm->name, why.text);
}

int drive_vm_counters(const struct drive_vm *vm, const struct drive_vm *like,
		      struct counters *ret_counters, uint64_t *ret_tsc_hz,
		      struct error *err)
{
	struct guest_view view;
	uint32_t offset;
	int rc;

	if (vm->blind) {
		*ret_counters = (struct counters){ .ram = NULL };
		return 0;
	}
	like = like ? like : vm;
	rc = guest_view_read(&like->ram, like->control_gpa, like->control_bytes,
			     &view, err);
	if (rc)
		return rc;
	offset = view.control.vcpu_offset;
	*ret_counters = (struct counters){
		.ram = &vm->ram,
		.gpa = vm->control_gpa + offset,
		.nr_vcpus = view.control.nr_vcpus,
	};
	/* Aligned and inside of the area: the view was checked. */
	if (vm->control)
		ret_counters->mapped =
			(const void *)((const char *)vm->control + offset);
	if (ret_tsc_hz)
		*ret_tsc_hz = view.control.tsc_hz;
	guest_view_exit(&view);
	return 0;
}
