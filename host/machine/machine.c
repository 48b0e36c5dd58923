/* SPDX-License-Identifier: MIT */
/* The life of the mini VMM: make the machine, serve it, take it down. */
#include "machine/machine.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/address.h"
#include "control.h"
#include "machine/state.h"
#include "machine/vfio_user.h"

static const char *const run_state_names[] = {
	[RUN_PRELAUNCH] = "prelaunch",
	[RUN_RUNNING] = "running",
	[RUN_PAUSED] = "paused",
	[RUN_INMIGRATE] = "inmigrate",
	[RUN_FINISH_MIGRATE] = "finish-migrate",
	[RUN_POSTMIGRATE] = "postmigrate",
	[RUN_SHUTDOWN] = "shutdown",
	[RUN_INTERNAL_ERROR] = "internal-error",
};

const char *machine_status(const struct machine *m)
{
	return run_state_names[m->ended ? m->ended : m->run];
}

int machine_set_running(struct machine *m)
{
	struct error err = { "" };
	int rc = machine_vfio_run(m, &err);

	if (!rc)
		rc = vm_resume(m->vm);
	if (rc) {
		machine_vfio_stop(m, false, &err);
		migration_blame_locked(m, &err);
		return rc;
	}
	m->run = RUN_RUNNING;
	qmp_server_event(m->qmp, "RESUME", NULL);
	return 0;
}

void machine_set_stopped(struct machine *m, enum run_state run)
{
	bool ran = m->run == RUN_RUNNING;
	struct error err = { "" };

	vm_pause(m->vm);
	/* The engine stops them for what it wants of them. */
	if (ran && run != RUN_FINISH_MIGRATE)
		machine_vfio_stop(m, false, &err);
	m->run = run;
	if (ran)
		qmp_server_event(m->qmp, "STOP", NULL);
}

int machine_stop(struct machine *m)
{
	pthread_mutex_lock(&m->lock);
	m->autostart = false;
	m->stay_stopped = true;
	if (m->run == RUN_RUNNING)
		machine_set_stopped(m, RUN_PAUSED);
	pthread_mutex_unlock(&m->lock);
	return 0;
}

int machine_cont(struct machine *m, struct error *err)
{
	int rc = 0;

	pthread_mutex_lock(&m->lock);
	if (m->gave_away) {
		rc = error_set(err, -EPERM,
			       "the machine's RAM was handed over: it cannot "
			       "run here any more");
		goto out_unlock;
	}
	switch (m->run) {
	case RUN_PRELAUNCH:
	case RUN_PAUSED:
	case RUN_POSTMIGRATE:
		rc = machine_set_running(m);
		if (rc)
			error_set(err, rc, "the machine cannot run: %s",
				  strerror(-rc));
		break;
	case RUN_INMIGRATE:
		m->autostart = true;
		break;
	case RUN_FINISH_MIGRATE:
		rc = error_set(err, -EBUSY,
			       "migration is being decided: "
			       "try again when it has ended");
		break;
	default:
		break;
	}
out_unlock:
	pthread_mutex_unlock(&m->lock);
	return rc;
}

/* From a vCPU thread: the machine is over; the loop does the rest. */
static void ended(struct machine *m, enum run_state run, const char *reason,
		  const char *sentence)
{
	/* Of several vCPUs that fail at once the first one is heard. */
	if (atomic_flag_test_and_set(&m->ending))
		return;
	if (sentence)
		error_set(&m->failure, 0, "%s", sentence);
	m->ended = run;
	qmp_server_event(
		m->qmp, "SHUTDOWN",
		json_pack("{s:b, s:s}", "guest", !sentence, "reason", reason));
	qmp_server_stop(m->qmp);
}

static void on_exit_port(void *ctx, uint32_t value)
{
	ended(ctx, RUN_SHUTDOWN, "guest-shutdown", NULL);
}

static void on_shutdown(void *ctx, unsigned int vcpu)
{
	ended(ctx, RUN_SHUTDOWN, "guest-reset", NULL);
}

void machine_failed(struct machine *m, const char *sentence)
{
	ended(m, RUN_INTERNAL_ERROR, "host-error", sentence);
}

static void on_failed(void *ctx, unsigned int vcpu, const char *sentence)
{
	machine_failed(ctx, sentence);
}

static const struct vm_events events = {
	.exit_port = on_exit_port,
	.shutdown = on_shutdown,
	.failed = on_failed,
	.serial_write = serial_port_write,
	.serial_room = serial_port_room,
};

static void on_signal(void *ctx, int fd, short revents)
{
	struct machine *m = ctx;

	qmp_server_stop(m->qmp);
}

/* SIGINT and SIGTERM become an event of the loop. Before any thread. */
static int catch_signals(struct machine *m)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* A snapshot past a limit is an error of write(2), no death. */
	signal(SIGXFSZ, SIG_IGN);
	m->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (m->signal_fd < 0)
		return -errno;
	return qmp_server_add_fd(m->qmp, m->signal_fd, POLLIN, on_signal, m);
}

static int open_qmp(struct machine *m, struct error *err)
{
	const char *address = m->params->qmp;
	int fd, rc;

	if (!address)
		return 0;
	if (!strncmp(address, "fd:", 3)) {
		rc = address_connect(address, &fd, err);
		if (!rc)
			rc = qmp_server_add_client(m->qmp, fd);
	} else {
		rc = address_listen(address, &fd, err);
		m->serves_qmp = !rc;
		if (!rc)
			rc = qmp_server_listen(m->qmp, fd);
	}
	if (rc)
		error_set(err, rc, "cannot serve QMP on %s: %s", address,
			  strerror(-rc));
	return rc;
}

static int create_qmp(struct machine *m)
{
	char package[64];
	struct qmp_server_params params = {
		.commands = machine_commands,
		.ctx = m,
		.package = package,
	};

	snprintf(package, sizeof(package), "vmferry %s", m->params->version);
	sscanf(m->params->version, "%d.%d.%d", &params.major, &params.minor,
	       &params.micro);
	return qmp_server_create(&params, &m->qmp);
}

static int check_params(const struct machine_params *p, struct error *err)
{
	if (p->append && strlen(p->append) >= ABI_PRESET_BYTES)
		return error_set(err, -EINVAL,
				 "the guest takes at most %u bytes of words",
				 ABI_PRESET_BYTES - 1);
	if (p->incoming && (p->kernel || p->append || p->boot_fault))
		return error_set(err, -EINVAL,
				 "an incoming machine boots nothing: leave "
				 "out --kernel, --append and --boot-fault");
	if (p->handover && (!p->incoming || p->backing != BACKING_MEMFD))
		return error_set(err, -EINVAL,
				 "--handover goes with --incoming and "
				 "--backing memfd");
	if (p->vfio_user.nr && p->backing != BACKING_MEMFD &&
	    p->backing != BACKING_FILE)
		return error_set(err, -EINVAL,
				 "--vfio-user needs --backing memfd or a "
				 "file: the device maps the guest's memory");
	if (p->vfio_user.nr && p->handover)
		return error_set(err, -EINVAL,
				 "--vfio-user does not go with --handover: the "
				 "device maps memory that would be replaced");
	return 0;
}

/* A place that cannot be used is the command line's fault. */
static int bad_address(int rc)
{
	switch (rc) {
	case -ENOENT:
	case -ENOTDIR:
	case -EACCES:
	case -EADDRINUSE:
	case -EADDRNOTAVAIL:
	case -ECONNREFUSED:
		return -EINVAL;
	default:
		return rc;
	}
}

static int add_devices(struct machine *m, struct error *err)
{
	int rc = queues_add(m->vm, &m->params->devices);

	if (rc == -EMFILE)
		return error_set(err, -EOPNOTSUPP,
				 "--devices need two descriptors a queue, %u "
				 "in all: more than `ulimit -Hn` allows",
				 2 * queues_list_total(&m->params->devices));
	return rc ? error_set(err, rc, "cannot make the devices: %s",
			      strerror(-rc))
		  : 0;
}

static int make(struct machine *m, struct error *err)
{
	const struct machine_params *p = m->params;
	struct vm_params params = {
		.nr_vcpus = p->nr_vcpus,
		.ram_bytes = p->ram_bytes,
		.backing = p->backing,
		.page_bytes = p->page_bytes,
		.path = p->backing_path,
		.awaited = p->handover,
		.unreserved = p->unreserved,
		.commit = p->commit,
		.nested = p->nested,
		.hyperv = p->hyperv,
		.dirty_ring_entries = p->dirty_ring ? VM_MAX_RING_ENTRIES : 0,
		.control_bytes = abi_control_bytes(p->nr_vcpus),
		.events = &events,
		.ctx = m,
	};
	int rc;

	rc = create_qmp(m);
	if (!rc)
		rc = catch_signals(m);
	if (rc)
		return error_set(err, rc, "cannot start: %s", strerror(-rc));
	rc = vm_create(&params, &m->vm, err);
	if (!rc)
		rc = add_devices(m, err);
	if (!rc)
		rc = bad_address(machine_vfio_open(m, err));
	if (!rc && p->prealloc && !p->handover)
		rc = machine_prealloc(m, err);
	if (!rc)
		rc = bad_address(serial_port_open(m, err));
	if (!rc && !p->incoming)
		rc = machine_load_guest(m, err);
	if (!rc && p->incoming && strcmp(p->incoming, "defer"))
		rc = bad_address(migration_incoming(m, p->incoming, err));
	if (!rc)
		rc = bad_address(open_qmp(m, err));
	return rc;
}

static void unmake(struct machine *m)
{
	if (m->qmp)
		migration_exit(m);
	machine_prealloc_end(m);
	machine_vfio_quiet(m);
	vm_destroy(m->vm);
	machine_vfio_close(m);
	serial_port_close(m);
	if (m->listen_fd >= 0)
		close(m->listen_fd);
	if (m->qmp)
		qmp_server_destroy(m->qmp);
	if (m->signal_fd >= 0)
		close(m->signal_fd);
	/* Only our own: the file may be another machine's. */
	if (m->serves_qmp)
		address_unlink(m->params->qmp);
	pthread_mutex_destroy(&m->prealloc.lock);
	pthread_mutex_destroy(&m->lock);
}

int machine_run(const struct machine_params *params, struct error *err)
{
	struct machine m = {
		.params = params,
		.listen_fd = -1,
		.signal_fd = -1,
		.serial_in_fd = -1,
		.serial_out_fd = -1,
		.room_fd = -1,
		.serial_listen_fd = -1,
		.serial_null_fd = -1,
		.autostart = !params->paused,
		.ending = ATOMIC_FLAG_INIT,
		.run = params->incoming ? RUN_INMIGRATE : RUN_PRELAUNCH,
	};
	int rc = check_params(params, err);

	if (rc)
		return rc;
	pthread_mutex_init(&m.lock, NULL);
	pthread_mutex_init(&m.prealloc.lock, NULL);
	migration_init(&m);
	rc = make(&m, err);
	/* A signal came while RAM was being had. */
	if (rc == -EINTR) {
		unmake(&m);
		return 0;
	}
	if (!rc && !params->incoming && !params->paused)
		rc = machine_cont(&m, err);
	if (!rc)
		rc = qmp_server_run(m.qmp);
	/* First: nobody writes m.failure once the threads have ended. */
	unmake(&m);
	if (!rc && m.failure.text[0])
		rc = error_set(err, -EIO, "%s", m.failure.text);
	return rc;
}
