/* SPDX-License-Identifier: MIT */
/*
 * A suite of checks for any device whose state moves, on a vfio-user socket or
 * a group of the kernel's: does it keep the rules that those who move it rely
 * on? Each check cites its rule, has its own time, and ends with one of
 * enum check_result; a device that hangs has failed the check that it hung in.
 */
#ifndef VMFERRY_VFIO_CHECK_H
#define VMFERRY_VFIO_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum check_severity {
	CHECK_MUST, /* state or data is lost, or a client can be hurt */
	CHECK_SHOULD, /* the text wants it */
	CHECK_DIFFERS, /* wanted, but peers that work do something else */
};

enum check_result {
	CHECK_PASSED,
	CHECK_FAILED,
	CHECK_DIFFERED, /* broke a rule of severity CHECK_DIFFERS */
	CHECK_SKIPPED,
};

/* What a check needs of its device. */
enum check_needs {
	CHECK_NEEDS_USER = 1, /* vfio-user: its messages */
	CHECK_NEEDS_P2P = 2,
	CHECK_NEEDS_PRECOPY = 4,
	CHECK_NEEDS_LOGGING = 8,
	CHECK_NEEDS_ENGINE = 16, /* the DMA engine of guest/abi/dma.h */
	CHECK_NEEDS_STREAM = 32, /* a stream of its own that it loads */
	CHECK_NEEDS_V2 = 64,
	CHECK_NEEDS_DATA_SIZE = 128,
	/* Changes the device's state, or may break whoever serves it. */
	CHECK_DESTRUCTIVE = 256,
	/* Kernels before mid-2026 loop for ever on it. */
	CHECK_MAY_HANG_KERNEL = 512,
	/* Makes its connections itself. */
	CHECK_OWN_WIRE = 1024,
	CHECK_NEEDS_MIGRATION = 2048,
	CHECK_NEEDS_KERNEL = 4096,
};
#define CHECK_NR_NEEDS 13u

struct check_info {
	const char *name; /* "arcs.STOP-RUNNING" */
	const char *rule; /* what it asks for, and where that stands */
	enum check_severity severity;
	unsigned int needs; /* enum check_needs, ORed */
};

/* Number of checks; and one of them, index < check_nr(). */
size_t check_nr(void);
const struct check_info *check_get(size_t index);
/* "must", "should", "differs"; "pass", "fail", "differs", "skip". */
const char *check_severity_name(enum check_severity severity);
const char *check_result_name(enum check_result result);
/* Of one bit of enum check_needs: "p2p", "precopy", ... */
const char *check_need_name(unsigned int bit);

struct check_outcome {
	const struct check_info *info;
	enum check_result result;
	const char *text; /* what was seen, or why it was skipped; "" = none */
	double ms;
};

/* What the device said of itself. */
struct check_device {
	bool user, v1, engine, migration, logging, data_size;
	uint64_t flags; /* MIG_FLAG_* */
	uint32_t vendor, device; /* of PCI; UINT32_MAX = not readable */
	uint64_t stream_bytes; /* of its state, as read first; 0 = none */
	bool stream_loads;
	char stream_why[256]; /* unless it loads */
};

struct check_params {
	const char *target; /* a UNIX socket or /dev/vfio/N */
	const char *sysfs_device; /* of a group with several; NULL = the one */
	bool destructive, hang_risk;
	uint64_t timeout_ms; /* of one check */
	/* Is check @index wanted? NULL = all are. */
	bool (*wanted)(void *ctx, size_t index);
	/* Called as each check that is wanted has ended. */
	void (*report)(void *ctx, const struct check_outcome *outcome);
	/* Called once the device is known, before the first check. */
	void (*begin)(void *ctx, const struct check_device *device);
	void *ctx;
	int cancel_fd; /* readable = stop before the next check; -1 = none */
};

/**
 * check_run() - run the checks that are wanted, in their order.
 *
 * Return: 0, whatever the checks found; -ECANCELED; -ENOTCONN: there is no
 * device there; -EOPNOTSUPP: a device, but not one to be checked here; each
 * with a sentence in @err.
 */
int check_run(const struct check_params *params, struct error *err);

#endif
