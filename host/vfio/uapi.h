/* SPDX-License-Identifier: MIT */
/*
 * What <linux/vfio.h> of Debian 12 (Linux 6.1) lacks, and what of it wants a
 * name of ours. vfio-user speaks the same structures as the ioctls.
 *
 * The newer values come from Linux 6.12, include/uapi/linux/vfio.h. Names are
 * our own, so that a newer header of the system's does not collide.
 */
#ifndef VMFERRY_VFIO_UAPI_H
#define VMFERRY_VFIO_UAPI_H

#include <linux/vfio.h>
#include <stddef.h>
#include <stdint.h>

/* enum vfio_device_mig_state; the last two came with Linux 6.2. */
enum mig_state {
	MIG_STATE_ERROR = 0,
	MIG_STATE_STOP = 1,
	MIG_STATE_RUNNING = 2,
	MIG_STATE_STOP_COPY = 3,
	MIG_STATE_RESUMING = 4,
	MIG_STATE_RUNNING_P2P = 5,
	MIG_STATE_PRE_COPY = 6,
	MIG_STATE_PRE_COPY_P2P = 7,
};
#define MIG_NR_STATES 8u

/* Feature VFIO_DEVICE_FEATURE_MIGRATION, flags: VFIO_MIGRATION_*. */
#define MIG_FLAG_STOP_COPY (1ull << 0)
#define MIG_FLAG_P2P (1ull << 1)
#define MIG_FLAG_PRE_COPY (1ull << 2)

/* Indices of features; 0, 3, 4 and 5 have nothing to do with migration. */
#define MIG_FEATURE_MIGRATION 1u
#define MIG_FEATURE_DEVICE_STATE 2u
#define MIG_FEATURE_LOGGING_START 6u
#define MIG_FEATURE_LOGGING_STOP 7u
#define MIG_FEATURE_LOGGING_REPORT 8u
#define MIG_FEATURE_DATA_SIZE 9u

/* MIG_FEATURE_MIGRATION, read. */
struct mig_feature_migration {
	uint64_t flags;
};

/* MIG_FEATURE_DEVICE_STATE, read and set. */
struct mig_feature_state {
	uint32_t device_state; /* enum mig_state */
	int32_t data_fd; /* -1 = none; unused in vfio-user */
};

/* MIG_FEATURE_DATA_SIZE, read: what STOP_COPY is estimated to take. */
struct mig_feature_data_size {
	uint64_t stop_copy_length;
};

/* On the data descriptor, in PRE_COPY and PRE_COPY_P2P only. */
struct mig_precopy_info {
	uint32_t argsz, flags;
	uint64_t initial_bytes, dirty_bytes;
};
#define MIG_GET_PRECOPY_INFO _IO(VFIO_TYPE, VFIO_BASE + 21)

/* MIG_FEATURE_LOGGING_START, set. In vfio-user the ranges follow. */
struct mig_logging_control {
	uint64_t page_size;
	uint32_t num_ranges, reserved;
	uint64_t ranges; /* the kernel's only: a pointer */
};
#define MIG_LOGGING_CONTROL_USER_BYTES                                         \
	offsetof(struct mig_logging_control, ranges)

struct mig_logging_range {
	uint64_t iova, length;
};
/* More are E2BIG in the kernel. */
#define MIG_LOGGING_MAX_RANGES 256u

/* MIG_FEATURE_LOGGING_REPORT, read. In vfio-user the bitmap follows. */
struct mig_logging_report {
	uint64_t iova, length, page_size;
	uint64_t bitmap; /* the kernel's only: a pointer, ORed into */
};
#define MIG_LOGGING_REPORT_USER_BYTES                                          \
	offsetof(struct mig_logging_report, bitmap)

/*
 * Migration v1, before Linux 5.18: a region of this type and subtype that
 * begins with struct mig_v1_region.
 * Source: Linux 5.17, include/uapi/linux/vfio.h, vfio_device_migration_info.
 */
#define MIG_V1_REGION_TYPE 3u
#define MIG_V1_REGION_SUBTYPE 1u

enum mig_v1_state {
	MIG_V1_STOP = 0,
	MIG_V1_RUNNING = 1,
	MIG_V1_STOP_COPY = 2, /* saving */
	MIG_V1_PRE_COPY = 3, /* saving and running */
	MIG_V1_RESUMING = 4,
	MIG_V1_ERROR = 6, /* saving and resuming */
};

struct mig_v1_region {
	uint32_t device_state; /* RW: enum mig_v1_state */
	uint32_t reserved;
	uint64_t pending_bytes; /* RO: 0 = nothing for now */
	uint64_t data_offset; /* RO: in the region; reading it prepares */
	uint64_t data_size; /* RO saving, RW resuming: written = take it */
};

_Static_assert(sizeof(struct mig_feature_state) == 8, "uAPI");
_Static_assert(sizeof(struct mig_precopy_info) == 24, "uAPI");
_Static_assert(sizeof(struct mig_logging_control) == 24, "uAPI");
_Static_assert(MIG_LOGGING_CONTROL_USER_BYTES == 16, "vfio-user");
_Static_assert(sizeof(struct mig_logging_range) == 16, "uAPI");
_Static_assert(sizeof(struct mig_logging_report) == 32, "uAPI");
_Static_assert(MIG_LOGGING_REPORT_USER_BYTES == 24, "vfio-user");
_Static_assert(sizeof(struct mig_v1_region) == 32, "uAPI");
_Static_assert(offsetof(struct mig_v1_region, data_size) == 24, "uAPI");

#endif
