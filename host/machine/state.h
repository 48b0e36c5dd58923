/* SPDX-License-Identifier: MIT */
/* What the files of this layer share: the machine as a process sees it. */
#ifndef VMFERRY_MACHINE_STATE_H
#define VMFERRY_MACHINE_STATE_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "machine/machine.h"
#include "migrate/migrate.h"
#include "qmp/server.h"
#include "vmm/vm.h"

struct machine_vfio;
struct skip_dirty;

/* QEMU's run states, those that we have. */
enum run_state {
	RUN_PRELAUNCH,
	RUN_RUNNING,
	RUN_PAUSED,
	RUN_INMIGRATE,
	RUN_FINISH_MIGRATE, /* stopped by the engine, not decided yet */
	RUN_POSTMIGRATE, /* handed over: never runs again by itself */
	RUN_SHUTDOWN,
	RUN_INTERNAL_ERROR,
};

struct migration {
	/* Settings of the next migration. */
	struct migrate_params params;
	bool events; /* capability "events" */
	bool several; /* capability "multifd": several connections, */
	unsigned int nr_channels; /* so many, the first one included */
	bool compress; /* capability "compress": as a source, */
	struct migrate_compress how; /* that way */
	unsigned int decompress_threads; /* as a target */
	uint64_t skip_count, skip_seed; /* x-sabotage-skip-dirty */
	bool skip_dma; /* of what DMA engines wrote */
	bool drop_nested; /* x-sabotage-drop-nested-state */

	/* The one that runs, or ran last. */
	bool used, outgoing;
	bool thread_exists; /* joined when the next one starts */
	bool active;
	bool cancel; /* asked for before the engine existed */
	pthread_t thread;
	char address[256];
	int fd; /* connected; -1 while it is not, or is the channel's */
	int listen_fd; /* target: more may connect there; -1 = no more */
	int cancel_fd; /* eventfd: wakes the thread while it connects */
	struct channel *channel;
	struct migrate_source *source;
	struct migrate_target *target;
	struct skip_dirty *skip;
	const char *status; /* QEMU's word for the phase */
	struct error error;
};

/* With params->console. */
struct machine_console {
	/* Serial output, by vCPU threads under the serial port's lock: how this
	 * line begins; and what it has been. */
	char heard[11];
	unsigned int nr_heard;
	atomic_bool ready, panicked;
	/* The loop's: input is read; its last line has no end yet. */
	bool begun, mid_line;
};

/* How RAM was had before the guest ran, or is being had. */
struct machine_prealloc {
	pthread_mutex_t lock;
	/* Under way in the background, by region; NULL = none. */
	struct prealloc_job *job[GUESTMEM_MAX_REGIONS];
	uint64_t elapsed_ns, mapped_bytes;
	int rc; /* of the first that failed, with */
	struct error err;
};

struct machine {
	const struct machine_params *params;
	struct vm *vm;
	struct machine_vfio *vfio; /* vfio_user.h; NULL = no such device */
	struct qmp_server *qmp;
	int listen_fd; /* incoming, watched by the loop; -1 */
	int signal_fd;
	struct machine_prealloc prealloc;
	bool serves_qmp; /* the socket file is ours */

	pthread_mutex_t lock; /* for everything below */
	enum run_state run;
	bool autostart; /* the target runs as soon as it may */
	bool source_ran; /* before the engine paused it; travels */
	bool gave_away; /* its RAM is another machine's: never run again */
	bool stay_stopped; /* `stop` came after that: not if it comes back */
	struct migration migration;

	/*
	 * How the machine ended: RUN_SHUTDOWN or RUN_INTERNAL_ERROR, else 0.
	 * Set once, by a vCPU thread, which must not wait for `lock`: its
	 * holder may be waiting for the vCPUs to pause.
	 */
	_Atomic enum run_state ended;
	atomic_flag ending; /* somebody is setting it */
	struct error failure; /* why; before `ended` */

	/* Serial port: owned by the loop, but for out_fd. */
	int serial_in_fd, serial_out_fd;
	int room_fd; /* eventfd: the guest has read */
	/* With `server=on`, else -1: who may talk next; what stands in for
	 * a peer while there is none. */
	int serial_listen_fd, serial_null_fd;
	/* Somebody writes to it; it is watched by the loop now. */
	bool has_input, input_watched;
	struct machine_console console;
	uint8_t pending[512]; /* input that the port had no room for */
	size_t nr_pending;
};

/* With the lock held: QEMU's word for it. */
const char *machine_status(const struct machine *m);

/* machine.c: the verbs behind `stop` and `cont`; with a sentence. */
int machine_stop(struct machine *m);
int machine_cont(struct machine *m, struct error *err);
/* It cannot go on; @sentence says why. Any thread, the first one counts. */
void machine_failed(struct machine *m, const char *sentence);
/* With the lock held: switch vCPUs, devices and state, tell the clients. */
int machine_set_running(struct machine *m);
void machine_set_stopped(struct machine *m, enum run_state run);

/* load.c: boot information, control area, image, entry point. */
int machine_load_guest(struct machine *m, struct error *err);

/* prealloc.c: by m->params->prealloc_how; -EOPNOTSUPP if the host has too
 * little, and what is missing. */
int machine_prealloc(struct machine *m, struct error *err);
/* In the background: pages of region @index up to @end_page have come or are
 * about to; all have. Return: as machine_prealloc_check(). Any thread. */
int machine_prealloc_reached(struct machine *m, unsigned int index,
			     uint64_t end_page, struct error *err);
void machine_prealloc_passed(struct machine *m);
/* 0, or -ENOMEM if memory could not be had, with the sentence. Any thread. */
int machine_prealloc_check(struct machine *m, struct error *err);
/* What came of it so far, or NULL if there was nothing to do. Any thread. */
json_t *machine_prealloc_query(struct machine *m);
/* Ends what goes on in the background; before the memory goes. */
void machine_prealloc_end(struct machine *m);

/* commands.c */
extern const struct qmp_command machine_commands[];

/* send_params.c: the parameter x-send, with the lock held; and what came. */
int machine_set_send(struct machine *m, json_t *send, struct qmp_error *err);
json_t *machine_send_stats(const struct migrate_send_stats *s);

/* handover.c; @vm is the struct machine. */
extern const struct migrate_handover_ops machine_handover_ops;
/* After the end: unmap what is another machine's now. Context: the engine's
 * thread. */
void machine_drop_memory(struct machine *m);

/* migration_ops.c; @vm is the struct machine. */
extern const struct migrate_vm_ops migration_ops;
/* What this layer puts before the state of vmm/state.h: goes past it. */
struct reader;
int machine_state_head(struct reader *r, bool *ret_ran, struct error *err);

/* migration_channels.c: what the engine's thread migrates over. */
/* The first channel, unless a cancel came first. */
int migration_open_channel(struct machine *m);
/* The others; @ctx is the machine. */
struct migrate_channels migration_channels(struct machine *m);
/* Nobody else may connect. Takes the lock. */
void migration_stop_listening(struct machine *m);

/* migration_thread.c: bodies of the engine's thread; @machine is ours. */
void *migration_run_source(void *machine);
void *migration_run_target(void *machine);
/* With the lock held: QEMU's word, told to who wants events. */
void migration_set_status(struct machine *m, const char *status);
/* Of several sentences the first one stays. The first takes the lock, the
 * second has it. */
void migration_blame(struct machine *m, const struct error *err);
void migration_blame_locked(struct machine *m, const struct error *err);

/* compression.c; all with the lock held. */
void compression_init(struct machine *m);
/* Those of migrate-set-parameters that concern it; -EINVAL: none is set. */
int compression_set(struct machine *m, json_t *args, struct qmp_error *err);
void compression_get(const struct machine *m, json_t *parameters);
/* Tells the engine's source or target, which does not run yet. */
void compression_set_source(struct machine *m);
void compression_set_target(struct machine *m);
/* Into the answer of query-migrate, and its x-vmferry; nothing without. */
void compression_report(struct machine *m, json_t *reply, json_t *own);

/* migration.c */
void migration_init(struct machine *m);
/* Cancels and joins; after it no engine thread exists. */
void migration_exit(struct machine *m);
/* Starts to migrate to @address; @fd -1, or connected and taken over. */
int migration_start(struct machine *m, const char *address, int fd,
		    struct error *err);
/*
 * Listens at @address; the first peer is received. "file:PATH", or @fd of a
 * file or a connected socket (taken over; else -1): at once.
 */
int migration_listen(struct machine *m, const char *address, int fd,
		     struct error *err);
/* The same for an address of the command line: "fd:N" is a descriptor that the
 * machine was started with. */
int migration_incoming(struct machine *m, const char *address,
		       struct error *err);
int migration_cancel(struct machine *m);
json_t *migration_query(struct machine *m);

/* serial_port.c: the guest's console on a descriptor. */
int serial_port_open(struct machine *m, struct error *err);
void serial_port_close(struct machine *m);
void serial_port_write(void *ctx, const uint8_t *bytes, size_t nr_bytes);
void serial_port_room(void *ctx);

#endif
