/* SPDX-License-Identifier: MIT */
/*
 * The migration engine: pre-copy from a source to a target.
 *
 * Protocol in short (wire.h has the bytes): the source says hello with the
 * shape of the machine; the target accepts or refuses with a reason. Rounds of
 * pages follow, each acknowledged, so that a round's time includes its
 * delivery. Then the source pauses, sends the last pages and the state; the
 * target loads it and says `ready`. The source becomes MIGRATE_COMMITTED and
 * says `go`; only then does the target run. Until `go` the source resumes on
 * any failure; from the moment it tries to say it, never by itself.
 *
 * Into a file (a one-way channel) nothing is answered. `go` is in it, and the
 * commit is the moment in which the whole file gets its name. It may be loaded
 * any number of times.
 */
#ifndef VMFERRY_MIGRATE_MIGRATE_H
#define VMFERRY_MIGRATE_MIGRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "migrate/channel.h"
#include "migrate/compress.h"
#include "migrate/vm_ops.h"

/* Where a migration stands; both sides walk the same list. */
enum migrate_phase {
	MIGRATE_SETUP, /* hello */
	MIGRATE_PRECOPY, /* rounds, the guest runs */
	MIGRATE_STOP, /* source: pausing */
	MIGRATE_FINAL_RAM,
	MIGRATE_STATE, /* source: saving and sending; target: loading */
	MIGRATE_READY, /* target: loaded, waits for go */
	MIGRATE_COMMITTED, /* source: go is being said */
	MIGRATE_DONE,
	MIGRATE_FAILED,
	MIGRATE_CANCELLED,
};

const char *migrate_phase_name(enum migrate_phase phase);

/* How the source's pages leave it; all zero = straight from guest memory, as
 * many places in one call as the kernel takes. */
struct migrate_send {
	bool copy; /* all through a buffer, as before there were vectors */
	bool zerocopy; /* the kernel does not copy either: TCP only */
	unsigned int iovecs; /* of a call, at most; 0 = the kernel's limit */
};

/* What that took, all channels; pages only but for writes and iovecs of a
 * stream that copies, whose headers are in the buffer too. */
struct migrate_send_stats {
	uint64_t copied_bytes; /* by us, into the buffer */
	uint64_t writes; /* system calls */
	uint64_t iovecs; /* their entries */
	uint64_t zerocopy_writes; /* calls without a copy by the kernel, but */
	uint64_t zerocopy_copied; /* so many of them it copied after all */
};

struct migrate_params {
	uint64_t max_bandwidth_bytes_per_s; /* 0 = as fast as it goes */
	uint64_t downtime_limit_ns;
	/* RAM is handed over by descriptor, over a UNIX socket on this host:
	 * only the machine's state travels. Settled when the run begins. */
	bool hand_over;
	struct migrate_send send; /* settled likewise */
};

/* Pages are compressed on their way; of one side. */
struct migrate_compress {
	enum codec_id codec; /* source; CODEC_NONE = they are not */
	int level; /* source; within the codec's range */
	unsigned int nr_threads; /* shared out between the channels */
	enum compress_engine engine;
	bool wait; /* source: for a thread; else a page goes as it is */
	unsigned int max_pages; /* source: compressed as one */
};

/* What the threads that send did, by cause; all of them together. */
struct migrate_times {
	uint64_t scan_ns; /* finding pages, and what is not below */
	uint64_t copy_ns; /* of pages, by these threads */
	uint64_t wait_ns; /* for compressing workers */
	uint64_t pace_ns; /* by the limit */
	uint64_t send_ns; /* in the channel's writes */
};

struct migrate_round {
	uint64_t start_ns; /* since the migration began */
	uint64_t duration_ns; /* first page sent -> acknowledged */
	uint64_t pages; /* all kinds */
	uint64_t zero_pages;
	uint64_t wire_bytes;
	uint64_t dirty_pages_after;
	/* Source: given to a worker; and not, since none had room. */
	uint64_t submitted_pages, busy_pages;
};

#define MIGRATE_MAX_ROUNDS_KEPT 256u

/* A snapshot; times in ns of CLOCK_MONOTONIC since start_ns. */
struct migrate_stats {
	enum migrate_phase phase;
	uint64_t start_ns; /* CLOCK_MONOTONIC */
	uint64_t setup_ns; /* begin -> first page */
	uint64_t total_ns; /* begin -> now, or -> end */
	uint64_t downtime_ns; /* source: pause asked -> go said */
	uint64_t expected_downtime_ns;
	uint64_t ram_bytes; /* all regions */
	uint64_t remaining_bytes;
	uint64_t pages; /* sent or received, all kinds */
	uint64_t zero_pages;
	unsigned int nr_channels; /* connections */
	uint64_t wire_bytes; /* all bytes of all channels, our direction */
	struct migrate_send_stats send; /* source; of the rounds that ended */
	uint64_t bandwidth_bytes_per_s; /* of the last round */
	uint64_t dirty_pages_per_s; /* last round */
	/* What a page that is not zero takes on the wire, as reckoned for the
	 * decision; 0 = nothing is compressed. */
	uint64_t page_wire_bytes;
	struct migrate_times times; /* source */
	unsigned int nr_rounds; /* passes over the dirty pages so far */
	/* Parts of the switchover, since start_ns; 0 = not there yet.
	 * Source: stop..state_sent, go. Target: final_ram..resume. */
	uint64_t pause_begin_ns, paused_ns;
	uint64_t final_ram_ns; /* last page sent / received */
	uint64_t state_saved_ns, state_loaded_ns;
	uint64_t state_bytes;
	/* The devices' own data: all of it; of that, with the machine paused;
	 * the last of it read and sent / written and taken. */
	uint64_t device_bytes, device_final_bytes;
	uint64_t devices_ns;
	uint64_t go_ns; /* said / heard */
	uint64_t resumed_ns; /* target: resume() returned */
	/*
	 * Source: the target has said that it heard `go` and did what it was
	 * told to. Without it, a migration is still done: `go` has left, and
	 * nothing has come back for a second.
	 */
	bool running_confirmed;
	struct migrate_round rounds[MIGRATE_MAX_ROUNDS_KEPT]; /* the first */
	char error[256]; /* one sentence; "" while all is well */
};

/**
 * struct migrate_observer - told of progress, from the migration's thread.
 *
 * Any of them may be NULL.
 */
struct migrate_observer {
	void *ctx;
	/* A phase begins. */
	void (*phase)(void *ctx, enum migrate_phase phase);
	/* A round (1, 2, ...) begins. */
	void (*round)(void *ctx, unsigned int round);
	/*
	 * Source: called with a stable copy of each raw page just before that
	 * copy is sent (and with NULL for a page sent as zero). Setting it
	 * costs a copy of every page: only sabotage wants it.
	 */
	void (*page_sent)(void *ctx, uint64_t gfn, const void *page);
	/*
	 * Source, paused: the last collection of region @index, before it is
	 * sent. May clear bits: sabotage.
	 */
	void (*final_dirty)(void *ctx, unsigned int index, uint64_t *bitmap);
};

/**
 * struct migrate_channels - several connections for one migration.
 *
 * The first one is the channel that source and target are created with.
 */
struct migrate_channels {
	/* Source: how many, 1..MIGRATE_MAX_CHANNELS. Target: how many at
	 * most; a source that wants more is refused. */
	unsigned int nr;
	uint64_t timeout_ns; /* target: for all to come */
	/*
	 * Source: connect once more. Target: the next one that came, within
	 * @timeout_ns (-ETIMEDOUT); whoever it is, the engine finds out.
	 * The engine closes what it gets. Return: 0 or -errno, a sentence.
	 */
	int (*open)(void *ctx, uint64_t timeout_ns,
		    struct channel **ret_channel, struct error *err);
	void *ctx;
};

struct migrate_source;
struct migrate_target;

/**
 * migrate_source_create() - prepare to migrate @vm.
 * @params: copied; migrate_source_set_params() changes it later.
 * @observer: may be NULL; copied.
 * @ch: stays the caller's; must outlive the source.
 */
int migrate_source_create(const struct migrate_vm_ops *ops, void *vm,
			  struct channel *ch,
			  const struct migrate_params *params,
			  const struct migrate_observer *observer,
			  struct migrate_source **ret_source);
/* Before migrate_source_run(): several connections. Copied. */
void migrate_source_set_channels(struct migrate_source *src,
				 const struct migrate_channels *channels);
/* Before migrate_source_run(): compress. Copied. */
void migrate_source_set_compress(struct migrate_source *src,
				 const struct migrate_compress *how);
void migrate_source_destroy(struct migrate_source *src);

/**
 * migrate_source_run() - do it; blocks until the end.
 *
 * On failure or cancellation before `go` the machine runs again if it ran
 * before. Should that fail, then the sentence tells, and the phase is
 * MIGRATE_FAILED even if it was cancelled. Context: a thread of its own.
 * Return: 0 when `go` was said, and the target has confirmed or kept silent
 * for a second (see migrate_stats.running_confirmed); -ECANCELED; -EPROTO for a peer that broke the
 * protocol, refused or gave up; -EPIPE, -ECONNRESET, -ENODATA when it went
 * away; or what the machine said. -EREMOTEIO: `go` could not be delivered for
 * certain (the write failed, or the target was gone or gave up before it said
 * that it had heard it): the machine stays paused, phase MIGRATE_FAILED.
 */
int migrate_source_run(struct migrate_source *src);

/* Any thread, any time. After `go` it does nothing and returns -EALREADY. */
int migrate_source_cancel(struct migrate_source *src);
/* Any thread: new limits, in force from the next decision on. */
void migrate_source_set_params(struct migrate_source *src,
			       const struct migrate_params *params);
/* Any thread. */
void migrate_source_stats(struct migrate_source *src,
			  struct migrate_stats *ret_stats);
/* The same, of the workers of all channels; all 0: nothing is compressed. */
void migrate_source_compress_stats(struct migrate_source *src,
				   struct compress_stats *ret_stats);

/*
 * The target's memory must read as zeros when the stream begins: pages that
 * were never written on the source are not written here either.
 */
int migrate_target_create(const struct migrate_vm_ops *ops, void *vm,
			  struct channel *ch,
			  const struct migrate_observer *observer,
			  struct migrate_target **ret_target);
/* Before migrate_target_run(). Without it a source that wants several is
 * refused. */
void migrate_target_set_channels(struct migrate_target *tgt,
				 const struct migrate_channels *channels);
/* Before migrate_target_run(): nr_threads and engine, for a source that
 * compresses; else 2 threads of the ring engine. */
void migrate_target_set_compress(struct migrate_target *tgt,
				 const struct migrate_compress *how);
void migrate_target_destroy(struct migrate_target *tgt);

/**
 * migrate_target_run() - receive; blocks until the end.
 * @autostart: resume() the machine on `go`; else it stays paused, ready.
 *
 * Return: 0 after `go`, else -errno as above; the machine then has not run.
 */
int migrate_target_run(struct migrate_target *tgt, bool autostart);
int migrate_target_cancel(struct migrate_target *tgt);
void migrate_target_stats(struct migrate_target *tgt,
			  struct migrate_stats *ret_stats);
void migrate_target_compress_stats(struct migrate_target *tgt,
				   struct compress_stats *ret_stats);

#endif
