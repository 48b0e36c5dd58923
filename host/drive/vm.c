/* SPDX-License-Identifier: MIT */
/* A mini VMM as a child process. */
#include "drive/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "control.h"
#include "drive/console.h"
#include "qmp/client.h"

#define QMP_TIMEOUT_MS 20000
#define QUIT_TIMEOUT_MS 3000
#define MAX_ARGS 40

/* Exit code by which a vmferry says that this host cannot do it. */
#define EXIT_CANNOT_RUN 77

struct arguments {
	char *arg[MAX_ARGS];
	unsigned int nr;
};

static void add(struct arguments *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct arguments *a, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (a->nr + 1 < MAX_ARGS && vasprintf(&a->arg[a->nr], format, ap) >= 0)
		a->nr++;
	va_end(ap);
}

static void mini_arguments(struct arguments *a, const struct drive_vm_params *p,
			   int qmp_fd, int serial_fd)
{
	add(a, "vmferry");
	add(a, "vmm");
	add(a, "--ram=%" PRIu64, p->ram_bytes);
	add(a, "--cpus=%u", p->nr_vcpus);
	add(a, "--backing=%s", p->backing);
	add(a, "--qmp=fd:%d", qmp_fd);
	add(a, "--serial=fd:%d", serial_fd);
	if (p->kernel)
		add(a, "--kernel=%s", p->kernel);
	if (p->incoming)
		add(a, "--incoming=%s", p->incoming);
	if (p->die_at)
		add(a, "--die-at=%s", p->die_at);
	if (p->paused)
		add(a, "--paused");
}

/* In the child: only async-signal-safe calls until exec. */
static void become_vmm(char *const *argv, int log_fd, const int *keep_fds,
		       pid_t parent)
{
	int i, null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	/* No orphan, whatever happens to the driver. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(99);
	/* A Ctrl-C at the terminal is the driver's to handle. */
	setpgid(0, 0);
	dup2(null_fd, STDIN_FILENO);
	dup2(log_fd, STDOUT_FILENO);
	dup2(log_fd, STDERR_FILENO);
	for (i = 0; i < 2; i++)
		fcntl(keep_fds[i], F_SETFD, 0);
	execv("/proc/self/exe", argv);
	_exit(99);
}

/* The last line of the log: a VMM that ends early says there why. */
static void last_words(const struct drive_vm *vm, char *text, size_t room)
{
	FILE *f = fopen(vm->log_path, "re");
	char line[512];

	text[0] = '\0';
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0])
			snprintf(text, room, "%.*s", (int)room - 1, line);
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

	if (!reap(vm, 500) || vm->wait_status == -1)
		return rc;
	status = vm->wait_status;
	last_words(vm, words, sizeof(words));
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CANNOT_RUN)
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

static int spawn(struct drive_vm *vm, const struct drive_vm_params *p,
		 int qmp_fd, int serial_fd, struct error *err)
{
	int keep[2] = { qmp_fd, serial_fd }, log_fd, rc = 0;
	struct arguments a = { .nr = 0 };
	pid_t parent = getpid(), pid;

	log_fd = open(vm->log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		      0600);
	if (log_fd < 0)
		return error_set(err, -errno, "cannot write %s: %s",
				 vm->log_path, strerror(errno));
	mini_arguments(&a, p, qmp_fd, serial_fd);
	vm->started_ns = clock_now_ns();
	pid = fork();
	if (!pid)
		become_vmm(a.arg, log_fd, keep, parent);
	if (pid < 0)
		rc = error_set(err, -errno, "cannot start a VMM: %s",
			       strerror(errno));
	else
		vm->pid = pid;
	close(log_fd);
	while (a.nr)
		free(a.arg[--a.nr]);
	return rc;
}

static int pair(int fd[2], struct error *err)
{
	if (!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		return 0;
	return error_set(err, -errno, "cannot create a socket pair: %s",
			 strerror(errno));
}

int drive_vm_start(const struct drive_vm_params *params, struct drive_vm *vm,
		   struct error *err)
{
	struct error why = { "" };
	char path[160];
	int qmp[2], serial[2], rc;

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
	rc = spawn(vm, params, qmp[1], serial[1], err);
	close(qmp[1]);
	close(serial[1]);
	if (!rc)
		rc = console_create(serial[0], path, &vm->console, err);
	if (rc) {
		close(serial[0]);
		close(qmp[0]);
		drive_vm_stop(vm);
		return rc;
	}
	rc = qmp_client_connect(qmp[0], QMP_TIMEOUT_MS, &vm->qmp, &why);
	if (rc) {
		rc = explain_death(vm, rc, &why);
		drive_vm_stop(vm);
		return error_set(err, rc, "%s", why.text);
	}
	return 0;
}

static int add_region(struct drive_vm *vm, json_t *region, int *ret_fd)
{
	json_int_t gpa, bytes, hva;
	const char *kind;
	int fd;

	if (json_unpack(region, "{s:I, s:I, s:I, s:i, s:s}", "gpa", &gpa,
			"bytes", &bytes, "hva", &hva, "fd", &fd, "kind", &kind))
		return -EPROTO;
	if (!strcmp(kind, "control")) {
		vm->control_gpa = (uint64_t)gpa;
		vm->control_bytes = (uint64_t)bytes;
		*ret_fd = fd;
	}
	return ram_add(&vm->ram, (uint64_t)gpa, (uint64_t)bytes, (uint64_t)hva);
}

/* The control area is a memfd of the VMM's: map the same pages. */
static int map_control(struct drive_vm *vm, int fd_number)
{
	struct stat st;
	char path[64];
	void *map;
	int fd;

	if (vm->control_bytes < abi_control_bytes(1))
		return -EPROTO;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", vm->pid, fd_number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Past its end a mapping is a trap. */
	if (fstat(fd, &st) || (uint64_t)st.st_size < vm->control_bytes) {
		close(fd);
		return -EPROTO;
	}
	map = mmap(NULL, vm->control_bytes, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return -errno;
	vm->control = map;
	return 0;
}

int drive_vm_map(struct drive_vm *vm, struct error *err)
{
	json_t *regions, *region;
	int rc, fd = -1;
	size_t i;

	rc = drive_vm_execute(vm, "x-query-memory", NULL, &regions, err);
	if (rc)
		return rc;
	ram_init(&vm->ram, vm->pid);
	json_array_foreach (regions, i, region)
		if (!rc)
			rc = add_region(vm, region, &fd);
	json_decref(regions);
	if (!rc)
		rc = fd < 0 ? -EPROTO : map_control(vm, fd);
	if (rc)
		return error_set(err, rc, "cannot map the %s's memory: %s",
				 vm->name, strerror(-rc));
	return 0;
}

void drive_vm_stop(struct drive_vm *vm)
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

const struct abi_vcpu *drive_vm_counters(const struct drive_vm *vm,
					 unsigned int *ret_nr_vcpus)
{
	const struct abi_control *c = vm->control;
	uint32_t nr, offset;

	if (!c || c->magic != ABI_CONTROL_MAGIC || c->version != ABI_VERSION)
		return NULL;
	nr = c->nr_vcpus;
	offset = c->vcpu_offset;
	if (!nr || nr > ABI_MAX_VCPUS || offset % 64 ||
	    offset > vm->control_bytes ||
	    nr * sizeof(struct abi_vcpu) > vm->control_bytes - offset)
		return NULL;
	*ret_nr_vcpus = nr;
	return (const void *)((const char *)c + offset);
}
