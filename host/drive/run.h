/* SPDX-License-Identifier: MIT */
/*
 * One migrate-and-verify run: start a source and a target, let the workload
 * run, migrate, and say what happened as seen from outside.
 */
#ifndef VMFERRY_DRIVE_RUN_H
#define VMFERRY_DRIVE_RUN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "drive/compress_options.h"
#include "drive/findings.h"
#include "drive/predict.h"
#include "drive/relay.h"
#include "drive/run_compression.h"
#include "drive/run_vfio.h"
#include "drive/sabotage.h"
#include "drive/threads.h"
#include "drive/timekeeping.h"
#include "drive/verify.h"
#include "drive/vm.h"
#include "drive/workload.h"

enum run_verify {
	RUN_VERIFY_SWITCHOVER = 1, /* target's RAM before it runs */
	RUN_VERIFY_INLINE = 2, /* by the workload, while it runs */
	RUN_VERIFY_AFTER = 4, /* guest and host, workload stopped */
};

/* Where a run stands, for a status line. */
struct run_progress {
	const char *stage; /* "boot", "fill", "warm-up", "migrate", ... */
	unsigned int round;
	uint64_t remaining_bytes;
	uint64_t transferred_bytes;
	double bandwidth_bytes_per_s;
	double dirty_bytes_per_s;
	uint64_t elapsed_ns; /* of the migration */
};

/* Two machines that run already; source_qmp NULL = none. */
struct run_attach {
	/* unix:PATH, tcp:HOST:PORT, or a socket's path. */
	const char *source_qmp, *target_qmp;
	/* Likewise, or a terminal; NULL = none. */
	const char *source_console, *target_console;
	/* Where the target listens and the source connects; NULL = ours. */
	const char *uri;
	bool keep; /* the workload that runs already, not run_settings' */
	bool (*pending)(void); /* true: interrupted */
};

/* How the source's pages leave it; mini VMM, and zerocopy also QEMU. */
struct run_send {
	bool copy, zerocopy;
	unsigned int iovecs; /* of a write, at most */
};

struct run_settings {
	struct run_attach attach;
	const char *dir; /* private, exists: sockets and logs */
	enum drive_kind kind;
	struct drive_qemu qemu;
	const char *qemu_source, *qemu_target; /* other binaries, or NULL */
	json_t *capabilities; /* QEMU's, {NAME: BOOL}; NULL = none */
	json_t *parameters; /* QEMU's, {NAME: VALUE}; NULL = none */
	uint64_t ram_bytes;
	unsigned int nr_vcpus;
	struct drive_memory memory;
	const char *kernel; /* file, or NULL: built in */
	const void *image; /* the ELF that runs, to verify its segments */
	size_t image_bytes;
	struct workload workload;
	const char *transport; /* "unix", "tcp", "file" */
	const char *snapshot; /* the file, to be kept; NULL = a private one */
	const char *devices, *commit; /* of struct drive_vm_params */
	struct drive_vfio_params vfio[2]; /* the source's, the target's */
	struct hyperv_choice hyperv;
	unsigned int nr_channels; /* for pages; 1 = one for all */
	struct drive_compress compress;
	struct run_send send;
	bool relay; /* between the two: counts, and impairs as it is told */
	bool relay_auto; /* nobody asked for one, nor for none */
	bool relay_needed; /* the link is to be impaired */
	struct relay_params relay_params; /* but for the addresses */
	unsigned int cut_round; /* the relay cuts when it begins; 0 = never */
	unsigned int stall_round; /* it lets nothing pass then, for */
	uint64_t stall_ns; /* that long; 0 = never */
	uint64_t max_bandwidth_bytes_per_s;
	uint64_t downtime_limit_ns;
	bool idle; /* the workload is stopped after the warm-up */
	uint64_t warmup_ns; /* workload before the migration */
	uint64_t after_ns; /* workload after it */
	uint64_t timeout_ns; /* for the migration; then it is cancelled */
	uint64_t heartbeat_ns; /* whole ms; 0 = none */
	uint64_t tsc_shift_ns; /* on purpose, whole ms; 0 = not */
	unsigned int verify; /* enum run_verify, ORed */
	struct sabotage_params sabotage; /* count 0 = none */
	struct predict_meter predict;
	/* Told of it before the migration begins; may be NULL. */
	void (*predicted)(void *ctx, const struct prediction *prediction);
	const char *fault; /* phase to kill the target in, or NULL */
	void (*progress)(void *ctx, const struct run_progress *progress);
	void *progress_ctx;
	/* Told of each VMM that lives, for a Ctrl-C handler; @pid 0: gone. */
	void (*child)(void *ctx, unsigned int slot, pid_t pid);
};

struct run_integrity {
	unsigned int looks; /* enum run_verify, done */
	uint64_t pages_checked; /* distinct: of the fullest look */
	uint64_t bytes_checked;
	/* Of RAM less what is excluded; NAN = no look from the host. Pages
	 * that were rewritten after the switchover before anybody looked are
	 * not covered. */
	double coverage_pct;
	uint64_t rewritten_pages; /* those */
	double unseen_pct; /* and their share */
	uint64_t guest_pages; /* compared by the guest's own `verify` */
	uint64_t compared_bytes; /* the guest's own, with the source's */
	char contradiction[160]; /* what the guest says otherwise now; "" */
	uint64_t excluded_bytes[ABI_RAM_FIRMWARE + 1];
	uint64_t in_flight_pages;
	uint64_t unlisted; /* bad pages that the guest had no room to list */
	struct findings findings; /* each gfn once, under its first class */
};

/* What became of the source after a migration that failed. */
struct run_survivor {
	bool checked;
	bool running; /* its status says so, and it made steps */
	struct run_integrity integrity;
};

/* RAM that is present, by the size of the page that maps it. */
struct run_memory {
	bool seen;
	uint64_t bytes_4k, bytes_2m, bytes_1g;
};

/* What a target says of its preallocation. */
struct run_prealloc {
	bool known; /* the mini VMM's, and there was something to do */
	bool done; /* else it still goes on */
	double ms; /* of the threads; so far they were NAN */
	uint64_t mapped_bytes;
	char failure[400]; /* "" = none */
};

/* The devices' queues, each kicked once by the guest: what it found. */
struct run_queues {
	uint64_t devices, queues; /* 0 = there are none, or it was not asked */
	uint64_t kicks, lost, wrong, doubled;
	double min_us, p50_us, p99_us, max_us; /* kick to interrupt */
};

/* The workload's nested guest, as the guest counts; see struct abi_l2. */
struct run_l2 {
	bool known; /* the last look's */
	bool stop_known;
	struct abi_l2 at_stop; /* on the source, when it stood */
	struct abi_l2 last;
	bool ended; /* the last look was at a workload that is stopped */
};

/* Figures are NAN where nothing could be measured: null in the result. */
struct run_sample {
	bool completed; /* the migration */
	bool cancelled; /* it took longer than timeout_ns, or by Ctrl-C */
	bool guest_lost; /* it completed, but the guest is broken */
	char vmm_version[128]; /* as the source greeted; "" = it never did */
	char failure[512]; /* why not, or "" */
	double boot_ready_ms, fill_ms;
	double target_start_ms; /* fork -> it waits for the source */
	double total_ms, setup_ms, downtime_ms, blackout_ms, guest_gap_ms;
	double brownout_ms;
	double wire_bytes, state_bytes;
	double kernel_bytes; /* on the source's TCP connections */
	char wire_reason[160]; /* why that is not known, or "" */
	unsigned int nr_connections; /* 0 = nobody counted them */
	double sampler_resolution_ms;
	/* The target host's clock less the source's; 0 on one host. */
	double clock_offset_us, clock_offset_error_us;
	json_t *rounds; /* array, keys as in the result */
	struct run_compression compression;
	/* During the migration, but for the vCPUs; and every thread. */
	double source_cpu_s, target_cpu_s;
	struct threads source_threads, target_threads;
	/* Before the migration; before the target is verified. */
	struct run_memory source_memory, target_memory;
	struct run_prealloc prealloc; /* of the target */
	double rate_target, rate_before, rate_during, rate_after; /* bytes/s */
	double stop_ms, final_ram_ms, device_save_ms, device_load_ms;
	double resume_ms, first_step_ms;
	int tsc_ran; /* 1, 0, -1 = unknown */
	struct timekeeping time;
	int two_runners; /* 1 = both ran at once: the worst there is */
	struct run_integrity integrity;
	struct run_survivor source;
	struct run_queues queues[2]; /* before it, and after */
	struct run_vfio vfio;
	struct run_l2 l2;
	uint64_t state_compared; /* vcpu_state; 0 = not compared */
	uint64_t state_differing;
	bool avx_left_out; /* the VMM's CPU model has none */
	/* Of attached machines. */
	bool state_unseen; /* vcpu_state could not be compared */
	const char *accel; /* NULL = as in the settings */
	unsigned int nr_vcpus; /* 0 = as in the settings, or not known */
	char source_blind[200], target_blind[200]; /* why; "" = can be seen */
	json_t *notes; /* array: sentences about what was not possible */
	char state_names[256];
	json_t *vmm_reported;
	struct prediction *prediction; /* NULL = none */
	const char *qemu_method; /* of compress_qemu.h; NULL = none */
	struct sabotage_result damage; /* done on purpose */
	struct sabotage_score score;
};

struct run;

/* One hop that has ended, its machines still there. */
struct run_hop {
	const struct run_settings *set; /* of this hop */
	unsigned int hop; /* 1, 2, ... */
	bool last; /* as planned: verified in full */
	int rc; /* what ended it: see run_hops() */
	const struct error *why; /* if rc */
	const struct run_sample *sample;
	struct run *run; /* for run_evidence() */
};

struct run_hops {
	unsigned int nr; /* at least 1 */
	uint64_t deadline_ns; /* no hop begins later but one; 0 = none */
	/* Told of every hop, also of one that broke. Return: go on? */
	bool (*done)(void *ctx, const struct run_hop *hop);
	void *ctx;
};

/**
 * run_hops() - migrate a guest to and fro.
 *
 * Boots a source and starts the workload once; then each target is the source
 * of the next hop, in one epoch. The vCPU state is planted and checked at each
 * hop. Hops before the last are judged by what the guest finds inline and, if
 * asked, by a look at the target before it runs; the last one, and one that
 * looks bad, in full. Sabotage and faults strike at the last hop. At most two
 * machines exist at a time.
 *
 * Ends after the first hop that did not complete or is not clean, whatever
 * done() says.
 *
 * Return: 0 when there was a sample to judge for each hop (also of a migration
 * that failed: see completed); -EINVAL for settings that the guest or the VMM
 * refused; -ENODEV if this host cannot run it; -errno if the kit itself failed.
 */
int run_hops(const struct run_settings *settings, const struct run_hops *hops,
	     struct error *err);

/**
 * run_evidence() - write down what can still be seen of a hop that went bad.
 * @hop: within run_hops.done(); its machines are stopped by this.
 * @dir: exists: logs, consoles, statistics and bad pages go there.
 */
int run_evidence(const struct run_hop *hop, const char *dir, struct error *err);

void run_sample_init(struct run_sample *sample);
void run_sample_exit(struct run_sample *sample);

/* What is wrong with the nested guest, as a sentence; NULL = nothing that is
 * known. @text: 200 bytes. */
const char *run_l2_bad(const struct run_l2 *l2, char *text);
/* "lost", "doubled", ...; NULL = none, or of no meaning. */
const char *run_l2_bad_name(const struct run_l2 *l2);

/* Is every byte and every register right, and did nobody run twice? */
bool run_sample_clean(const struct run_sample *sample);

/**
 * run_await_ready() - wait until the guest of a VMM that was started is ready.
 * @ret_ready_ms: fork to `event ready`.
 */
int run_await_ready(struct drive_vm *vm, double *ret_ready_ms,
		    struct error *err);

/* Start the workload and wait until its working set is filled. */
int run_start_workload(struct drive_vm *vm, const struct workload *workload,
		       double *ret_fill_ms, struct error *err);

#endif
