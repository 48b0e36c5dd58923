/* SPDX-License-Identifier: MIT */
/* What the files of a run share. */
#ifndef VMFERRY_DRIVE_RUN_INTERNAL_H
#define VMFERRY_DRIVE_RUN_INTERNAL_H

#include "drive/clock_offset.h"
#include "drive/compress_qemu.h"
#include "drive/run.h"
#include "drive/sampler.h"
#include "drive/threads.h"

struct guest_view;

/* A moment and the workload's counter then. */
struct run_mark {
	uint64_t ns;
	uint64_t steps;
};

struct relay;
struct tcp_watch;

/* What the kernel counted of the source's connections. */
struct run_wire {
	uint64_t bytes;
	unsigned int nr_connections;
};

/* When a round began, and what had gone over the link by then. */
struct run_round {
	uint64_t ns;
	uint64_t wire_bytes; /* UINT64_MAX = nobody counts */
};

#define RUN_MAX_ROUNDS 256u

struct run {
	const struct run_settings *set;
	struct run_sample *out;
	unsigned int hop; /* 1, 2, ... */
	bool last; /* verified in full; its workload stops */
	struct drive_vm source, target;
	char address[200]; /* where the target waits */
	char link[200]; /* where the source connects: there, or the relay */
	struct relay *relay; /* NULL = none */
	int wire_fd; /* a copy of the source's socket; 0 = none */
	struct tcp_watch *wire_watch; /* NULL = none */
	struct run_wire wire; /* at the end, if it could be had */
	bool have_wire;
	struct run_round round[RUN_MAX_ROUNDS]; /* as they were announced */
	unsigned int nr_rounds;
	bool refused; /* there is no memory for the target */
	struct compress_qemu codec; /* as this QEMU does it */
	bool hold; /* the target waits for our `cont` */
	/* Of attached machines. */
	bool attached;
	bool owned; /* the workload is ours: it may be stopped */
	bool planted; /* vcpu_state, at the source */
	bool listening; /* the target does already */
	uint64_t bad_before; /* pages, by the guest, before all this */
	struct clock_offset source_clock, target_clock;
	int64_t stop_sent_us, resume_sent_us; /* as stamped by the VMMs */
	struct abi_control expected; /* the source's, before */
	uint64_t final_steps[ABI_MAX_VCPUS]; /* of the source */
	uint64_t tsc_hz;
	struct counters source_count, target_count;
	struct sampler *sampler;
	struct sampler_result seen;
	bool have_seen;
	struct abi_beat_log beats; /* its head, as last read */
	struct timekeeping_mark mark_beat[3];

	/* Rates between them. The workload stops at the source at `end` and
	 * goes on at the target from `again`. */
	struct run_mark warm, begin, end, again, after;
	/* Events, on arrival; 0 = none. */
	uint64_t active_ns, stop_ns, resume_ns, done_ns;
	struct threads source_threads, target_threads;
	/* CPU time of the processes, at the beginning and at the end. */
	uint64_t source_cpu_ns[2], target_cpu_ns[2];
	json_t *source_stats, *target_stats; /* query-migrate, at the end */
};

/* run_start.c: a migration's two machines. */
int run_start_source(struct run *r, struct error *err);
/* Its state planted, its counters found; the workload runs already. */
int run_ready_source(struct run *r, struct error *err);
int run_start_target(struct run *r, struct error *err);
/* Its memory stays as it is from here on. */
int run_stop_workload(struct drive_vm *vm, struct error *err);
void run_tell_child(const struct run *r, unsigned int slot, pid_t pid);
/* What a guest refuses once it works is no fault of the command line. */
int run_not_usage(int rc);

/* run_evidence.c: what is not there is empty. @mode: "we" or "ae". */
int run_copy_log(const char *from, const char *to, const char *mode);

/* run.c: warm up, migrate, look, and the figures of it. */
int run_hop(struct run *r, struct error *err);
/* There is no target, and why: the source must go on, and be right. */
int run_without_target(struct run *r, const char *why, struct error *err);

/* run_l2.c: what the migration is told, into @parameters. */
void run_l2_parameters(const struct run *r, json_t *parameters);
/* Looks at the source, which stands, or at the target as it is. */
void run_l2_final(struct run *r);
void run_l2_look(struct run *r, bool ended);

/* run_watch.c: capabilities and parameters of both sides; -EINVAL if one is
 * refused. */
int run_set_up(struct run *r, struct error *err);
/* run_codec.c: of QEMU: ask both how they compress, before run_set_up(). */
int run_choose_codec(struct run *r, struct error *err);
/* What run_set_up() sets: new objects. */
json_t *run_capabilities(const struct run *r);
json_t *run_parameters(const struct run *r);
/* Start the migration and see it to its end. */
int run_watch(struct run *r, struct error *err);

/* run_expect.c: what the source's guest said, and the target's must still say.
 * Learn it before the migration; note the last counters after it. */
int run_expect_learn(struct run *r, struct error *err);
void run_expect_final(struct run *r);
/* A difference is a contradiction in @in. @frozen: not a step has been made
 * since. */
void run_expect_check(struct run *r, const struct guest_view *view, bool frozen,
		      struct run_integrity *in);
/* Both machines paused, the target not run yet: compare byte for byte what the
 * guest keeps for itself. */
int run_expect_compare(struct run *r, struct run_integrity *in,
		       struct error *err);

/* run_check.c: integrity of one machine, as it stands. */
int run_check_frozen(struct run *r, struct drive_vm *vm,
		     struct run_integrity *integrity, struct error *err);
/* What the guest has found so far; its workload goes on. */
int run_check_running(struct run *r, struct drive_vm *vm,
		      struct run_integrity *integrity, struct error *err);
/* As run_check_frozen(), its guest's workload stopped first. */
int run_check_after(struct run *r, struct drive_vm *vm,
		    struct run_integrity *integrity, struct error *err);
/* run_queues.c: kicks each queue of the devices, if there are any. */
int run_check_queues(struct run *r, struct drive_vm *vm, struct run_queues *ret,
		     struct error *err);
/* run_vfio.c: asks the guest of its DMA engines, if they take part. */
int run_check_vfio(struct run *r, struct drive_vm *vm, struct error *err);
/* From the statistics of both sides. */
void run_vfio_figures(struct run *r);
int run_check_state(struct run *r, struct drive_vm *vm, struct error *err);
/* Damage the paused target. */
int run_sabotage(struct run *r, struct error *err);
int run_score(struct run *r);

/* run_memory.c: untouched if it cannot be seen. */
void run_look_at_memory(const struct drive_vm *vm, struct run_memory *ret);
/* How the mini VMM preallocated its memory, if it did. */
void run_look_at_prealloc(struct drive_vm *vm, struct run_prealloc *ret);

/* run_link.c: the way between the two. */
/* Is it no socket, but a file that the target loads when it is whole? */
bool run_by_file(const struct run *r);
/* RAM changes hands by descriptor. */
bool run_by_handover(const struct run *r);
int run_link_open(struct run *r, struct error *err);
void run_link_close(struct run *r);
/* Round 1, 2, ... has begun: mark it, and impair what is to be impaired. */
void run_link_round(struct run *r, int64_t round, uint64_t now_ns);

/* run_attached.c: what differs with machines that are not ours. */
/* The steps of @vm's guest now; its time stays 0 where nobody can tell. */
void run_mark(struct run *r, struct drive_vm *vm, const struct counters *count,
	      struct run_mark *m);
/* As drive_vm_sleep(), or -ECANCELED. */
int run_sleep(struct run *r, struct drive_vm *vm, uint64_t deadline_ns,
	      struct error *err);
bool run_interrupted(const struct run *r);
/* May @vm's workload be stopped? Else it is looked at as it stands. */
bool run_may_stop(const struct run *r, const struct drive_vm *vm);
/* Stop its vCPUs for a look, and let them go on. */
int run_freeze(struct run *r, struct drive_vm *vm, struct error *err);
int run_thaw(struct run *r, struct drive_vm *vm, struct error *err);
/* Integrity of a machine that cannot be seen, by its guest's word. */
int run_check_blind(struct run *r, struct drive_vm *vm,
		    struct run_integrity *in, struct error *err);
/* Has it made a step since it had @steps? Waits for a second. */
bool run_goes_on(struct run *r, struct drive_vm *vm,
		 const struct counters *count, uint64_t steps);
/* A target whose guest has come may be seen only now. */
void run_see_late(struct run *r);
/* Ask both hosts for the time, unless it is one host: ours. */
void run_look_at_clocks(struct run *r);
/* A sentence for `warnings`. */
void run_note(struct run *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* run_predict.c: what the migration will take, if that was asked; the guest is
 * at work. */
int run_predict(struct run *r, struct error *err);

/* run_wire.c: what the kernel counts.
 * @ret_uri: what the source is to migrate to. */
int run_wire_open(struct run *r, const char **ret_uri, struct error *err);
/* So far. -EAGAIN: there may be more to come; -ENOENT: nobody counts. */
int run_wire_read(const struct run *r, struct run_wire *ret);
/* Takes the last count, and lets go of the connection. */
void run_wire_close(struct run *r);

/* run_time.c: the heartbeat, if there is to be one. Begin on the source; catch
 * a beat just before, and one after, shifting the TSC before it if asked. */
int run_time_begin(struct run *r, struct error *err);
void run_time_before(struct run *r);
int run_time_after(struct run *r, struct error *err);
/* After the downtime is known. */
void run_time_figures(struct run *r);

/* run_figures.c: from what was seen to the figures of the sample. */
void run_figures(struct run *r);

void run_stage(const struct run *r, const char *stage);

#endif
