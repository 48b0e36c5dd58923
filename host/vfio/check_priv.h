/* SPDX-License-Identifier: MIT */
/* The parts of the suite: the device under test, and what a check may do. */
#ifndef VMFERRY_VFIO_CHECK_PRIV_H
#define VMFERRY_VFIO_CHECK_PRIV_H

#include "dma.h"
#include "vfio/check.h"
#include "vfio/uapi.h"
#include "vfio/user_version.h"
#include "vfio/user_wire.h"

struct check_run;
struct vfio_client;

/* The bytes of one stream. */
struct check_blob {
	uint8_t *data;
	size_t bytes, room;
};

/*
 * How a device is talked to. Each: 0, what the device refused with (-errno),
 * or -ENOTCONN with check_run.broken set: it hung or went away.
 */
struct check_port {
	int (*open)(struct check_run *r);
	void (*close)(struct check_run *r);
	int (*get_state)(struct check_run *r, uint32_t *ret);
	int (*set_state)(struct check_run *r, uint32_t state);
	/* @ret_end: there is no more, for now. */
	int (*data_read)(struct check_run *r, void *data, size_t bytes,
			 size_t *ret_bytes, bool *ret_end);
	int (*data_write)(struct check_run *r, const void *data, size_t bytes);
	int (*reset)(struct check_run *r);
	int (*region_read)(struct check_run *r, uint32_t region,
			   uint64_t offset, void *data, uint32_t bytes);
	int (*region_write)(struct check_run *r, uint32_t region,
			    uint64_t offset, const void *data, uint32_t bytes);
	/* @fd: of the memory at @hva; -1 = by messages, where there are any. */
	int (*map)(struct check_run *r, uint64_t address, uint64_t bytes,
		   uint32_t flags, int fd, void *hva);
	int (*unmap)(struct check_run *r, uint64_t address, uint64_t bytes);
	int (*feature_probe)(struct check_run *r, uint32_t flags);
	int (*flags)(struct check_run *r, uint64_t *ret);
	int (*data_size)(struct check_run *r, uint64_t *ret);
	int (*log_start)(struct check_run *r, uint64_t page_size,
			 const struct mig_logging_range *ranges, uint32_t nr);
	int (*log_stop)(struct check_run *r);
	/* @map: whole 64-bit words, zeroed here. */
	int (*log_report)(struct check_run *r, uint64_t iova, uint64_t length,
			  uint64_t page_size, uint64_t *map);
	/* Data descriptor's sizes; NULL where there is no way to ask. */
	int (*precopy_info)(struct check_run *r, struct mig_precopy_info *ret);
};

/* Memory that the device may write. */
struct check_memory {
	uint8_t *hva;
	int fd;
};

struct check_run {
	const struct check_params *params;
	struct check_device device;
	const struct check_port *port;
	struct check_port v1_port;
	struct vfio_client *kernel; /* the kernel port's */
	struct check_blob golden; /* the device's stream, as read first */
	const char *gone; /* the check since which the device is away */
	bool stuck; /* it cannot be brought to RUNNING any more */

	/* The check that runs. */
	uint64_t deadline_ns;
	enum check_result result;
	bool decided;
	char text[512];
	char broken[160]; /* "" = the connection is in order */

	/* The vfio-user port's. */
	struct user_wire wire;
	bool wire_open;
	struct user_message reply; /* of the last call */
	struct user_caps peer;
	struct check_memory memory;
	uint64_t dma_writes, dma_reads; /* by messages */
	/* Migration v1: its region, and what is left in its window. */
	uint32_t v1_region;
	uint64_t v1_at, v1_left;
};

struct check_case;
typedef void check_function(struct check_run *r, const struct check_case *c);

struct check_case {
	struct check_info info;
	check_function *run;
	uint32_t from, to; /* states, where the check is about some */
};

/* One that is not about particular states. */
#define CHECK_CASE(name, rule, severity, needs, run)                           \
	{                                                                      \
		{ name, rule, severity, needs }, run, 0, 0                     \
	}

const struct check_case *check_case_get(size_t index);

/* The groups, in their order. */
extern const struct check_case check_info_cases[], check_connect_cases[],
	check_arcs_cases[], check_stream_cases[], check_load_cases[],
	check_precopy_cases[], check_dirty_cases[], check_dma_cases[],
	check_reset_cases[], check_maps_cases[], check_abuse_cases[],
	check_bounds_cases[], check_noise_cases[];
extern const size_t check_info_nr, check_connect_nr, check_arcs_nr,
	check_stream_nr, check_load_nr, check_precopy_nr, check_dirty_nr,
	check_dma_nr, check_reset_nr, check_maps_nr, check_abuse_nr,
	check_bounds_nr, check_noise_nr;

/* check_port_user.c, _kernel.c */
extern const struct check_port check_port_user, check_port_kernel;
/* check_port_v1.c: a port to vfio-user becomes one for migration v1. */
void check_port_v1(struct check_port *port);
/* Is there a migration region? Sets v1_region. */
bool check_find_v1(struct check_run *r);

/* ---- what a check says (check_say.c) ----------------------------------- */

/* Ends the check unless @cond; the text says what was seen instead. False: the
 * check is decided, return. */
bool check_that(struct check_run *r, bool cond, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void check_fail(struct check_run *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void check_differ(struct check_run *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void check_skip(struct check_run *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A call that must succeed: @what failed with @rc. */
bool check_ok(struct check_run *r, int rc, const char *what);
/* One that must be refused, by whatever errno; hanging up is none. */
bool check_refused(struct check_run *r, int rc, const char *what);

/* ---- the device (check_device.c) --------------------------------------- */

/* To RUNNING, as new. False: it cannot be brought there. */
bool check_recover(struct check_run *r);
/* Enters a state, by way of RUNNING; RESUMING and states behind it with
 * nothing written. */
bool check_enter(struct check_run *r, uint32_t state);
const char *check_mig_state_name(uint32_t state);
bool check_state_exists(const struct check_run *r, uint32_t state);
bool check_state_saves(uint32_t state);
/* The time that is left to the check. */
int check_time_left_ms(const struct check_run *r);

/* check_fork.c: @run in a process of its own; what it decided is @r's then. A
 * process that does not come back is a failure, and the device gone. */
void check_forked(struct check_run *r, const struct check_case *c,
		  void (*run)(struct check_run *r, const struct check_case *c),
		  const char *name);

/* ---- streams (check_blob.c) -------------------------------------------- */

void check_blob_free(struct check_blob *b);
int check_blob_add(struct check_blob *b, const void *data, size_t bytes);
/**
 * check_read_stream() - read to the end, and no byte more.
 * @chunk: of each read; 0 = sizes that vary from 1 to 4096.
 * @most: stop there, and say so in @ret_cut (may be NULL).
 */
int check_read_stream(struct check_run *r, struct check_blob *b, size_t chunk,
		      size_t most, bool *ret_cut);
int check_write_stream(struct check_run *r, const void *data, size_t bytes,
		       size_t chunk);
/* STOP_COPY and the stream from there; the device is left in it. */
bool check_save(struct check_run *r, struct check_blob *b);
/* RESUMING, the stream, STOP. 0, or what refused it. */
int check_load(struct check_run *r, const struct check_blob *b);
/* The same, as a check. */
bool check_loads(struct check_run *r, const struct check_blob *b,
		 const char *what);
#define CHECK_STREAM_MOST (256ull << 20)
#define CHECK_CHUNK (64u << 10)

/* ---- vfio-user, as it is (check_raw.c) --------------------------------- */

/* A connection of a check's own; without VERSION. False: failed. */
bool check_raw_open(struct check_run *r, struct user_wire *w);
/* The same with VERSION, and what an ordinary client says. */
bool check_raw_greet(struct check_run *r, struct user_wire *w);
/* Bytes as they are. 0 or -errno; a peer that hung up is 0. */
int check_raw_send(struct check_run *r, struct user_wire *w, const void *data,
		   size_t bytes);

enum check_answer {
	CHECK_ANSWER_OK,
	CHECK_ANSWER_REFUSED,
	CHECK_ANSWER_CLOSED,
	CHECK_ANSWER_NONE, /* within the time */
};

/* The next message, whatever it is; its header and payload in @ret. */
enum check_answer check_raw_answer(struct check_run *r, struct user_wire *w,
				   struct user_message *ret, int timeout_ms);
/* A command with any payload; what came of it. */
enum check_answer check_raw_call(struct check_run *r, struct user_wire *w,
				 uint16_t command, const void *payload,
				 size_t bytes, const int *fds,
				 unsigned int nr_fds);
const char *check_answer_name(enum check_answer a);
/* Is the device there for a client that behaves, on a new connection? */
bool check_raw_alive(struct check_run *r, const char *after);

/* ---- vfio-user, by the port's connection (check_port_user.c) ----------- */

int check_user_call(struct check_run *r, uint16_t command, const void *head,
		    size_t head_bytes, const void *data, size_t bytes,
		    const int *fds, unsigned int nr_fds);

/* ---- the DMA engine (check_engine.c) ----------------------------------- */

#define ENGINE_BASE 0x100000ull
#define ENGINE_NR_PAGES 64u
#define ENGINE_COUNTER (ENGINE_BASE + ENGINE_NR_PAGES * 4096ull)
#define ENGINE_BYTES ((ENGINE_NR_PAGES + 1) * 4096ull)

/* Memory, filled and mapped (by messages: without descriptor), on any device.
 * check_engine_exit() is the runner's. */
bool check_engine_map(struct check_run *r, bool by_messages, uint32_t flags);
/* And all registers set, but for RUN. */
bool check_engine_init(struct check_run *r, bool by_messages, uint32_t flags);
void check_engine_exit(struct check_run *r);
bool check_engine_control(struct check_run *r, uint32_t control);
bool check_engine_reg(struct check_run *r, size_t offset, size_t bytes,
		      uint64_t *ret);
bool check_engine_set(struct check_run *r, size_t offset, size_t bytes,
		      uint64_t value);
/* The counter in memory. */
uint64_t check_engine_counter(const struct check_run *r);
/* Until the counter is at least @steps. */
bool check_engine_wait(struct check_run *r, uint64_t steps);
/* Every page is what its last visit before the counter left. */
bool check_engine_memory(struct check_run *r);
#define ENGINE_REG(field) offsetof(struct abi_dma_regs, field)

#endif
