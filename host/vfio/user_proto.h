/* SPDX-License-Identifier: MIT */
/*
 * vfio-user on the wire: the header of messages, commands, payloads.
 *
 * All in the host's byte order. A reply has its command's id and number, and
 * one with USER_FLAG_ERROR is a header alone. Offsets of payloads are from the
 * end of the header.
 * Source: QEMU, docs/interop/vfio-user.rst. "In the field": what deployed
 * peers do where the text says something else, or nothing.
 */
#ifndef VMFERRY_VFIO_USER_PROTO_H
#define VMFERRY_VFIO_USER_PROTO_H

#include <stddef.h>
#include <stdint.h>

#define USER_MAJOR 0u
#define USER_MINOR 1u /* in the field 0, 1 and 2 are met */

enum user_command {
	USER_VERSION = 1,
	USER_DMA_MAP = 2,
	USER_DMA_UNMAP = 3,
	USER_GET_INFO = 4,
	USER_GET_REGION_INFO = 5,
	USER_GET_REGION_IO_FDS = 6,
	USER_GET_IRQ_INFO = 7,
	USER_SET_IRQS = 8,
	USER_REGION_READ = 9,
	USER_REGION_WRITE = 10,
	USER_DMA_READ = 11, /* server to client */
	USER_DMA_WRITE = 12, /* server to client */
	USER_RESET = 13,
	USER_DIRTY_PAGES = 14, /* of the time of migration v1 */
	USER_WRITE_MULTI = 15,
	USER_FEATURE = 16,
	USER_MIG_DATA_READ = 17,
	USER_MIG_DATA_WRITE = 18,
};

struct user_header {
	uint16_t id; /* the sender's; echoed in the reply */
	uint16_t command; /* enum user_command */
	uint32_t bytes; /* of the message, this header included */
	uint32_t flags; /* USER_FLAG_* */
	uint32_t error; /* an errno, with USER_FLAG_ERROR; may be 0 */
};

#define USER_TYPE_MASK 0xfu
#define USER_TYPE_COMMAND 0u
#define USER_TYPE_REPLY 1u
#define USER_FLAG_NO_REPLY 0x10u
#define USER_FLAG_ERROR 0x20u

/* Limits. A peer that names none has the defaults of the text. */
#define USER_DEFAULT_MSG_FDS 1u
#define USER_DEFAULT_XFER_BYTES (1u << 20)
#define USER_DEFAULT_DMA_MAPS 65535u
#define USER_DEFAULT_PGSIZES 4096u
/* What we take: a transfer of the largest size, and what stands before it. */
#define USER_MAX_PAYLOAD (USER_DEFAULT_XFER_BYTES + 4096u)
#define USER_MAX_FDS 16u
/* In the field larger payloads are cut or refused. */
#define USER_FIELD_XFER_BYTES (64u << 10)

/* USER_VERSION, both ways; JSON that ends in NUL may follow. */
struct user_version {
	uint16_t major, minor;
};

/* USER_DMA_MAP, with a descriptor or none; the reply has no payload. */
struct user_dma_map {
	uint32_t argsz, flags; /* USER_DMA_* */
	uint64_t offset; /* in the descriptor's file */
	uint64_t address, size;
};
#define USER_DMA_READABLE 1u
#define USER_DMA_WRITEABLE 2u

/* USER_DMA_UNMAP; the reply is the same. */
struct user_dma_unmap {
	uint32_t argsz, flags; /* no flags in the text */
	uint64_t address, size; /* exactly as mapped */
};
/* In the field: unmap all, address and size are 0. */
#define USER_DMA_UNMAP_ALL 2u

/* USER_GET_INFO, both ways. */
struct user_device_info {
	uint32_t argsz, flags; /* VFIO_DEVICE_FLAGS_* */
	uint32_t num_regions, num_irqs;
};

/* USER_GET_REGION_INFO: struct vfio_region_info, 32 bytes, and in the reply
 * the capabilities at cap_offset. A descriptor comes with FLAG_MMAP. */

/* USER_GET_REGION_IO_FDS, both ways. */
struct user_region_io_fds {
	uint32_t argsz, flags, index, count;
};

/* USER_GET_IRQ_INFO: struct vfio_irq_info, 16 bytes. */

/* USER_SET_IRQS; booleans follow with DATA_BOOL, descriptors come with
 * DATA_EVENTFD. The reply has no payload. */
struct user_irq_set {
	uint32_t argsz, flags; /* VFIO_IRQ_SET_* */
	uint32_t index, start, count;
};

/* USER_REGION_READ and _WRITE, both ways; the data follows. */
struct user_region_access {
	uint64_t offset;
	uint32_t region, count;
};

/* USER_DMA_READ and _WRITE, both ways; the data follows. The reply to a write
 * is 12 bytes by the text (its count has 4), in the field 16, 8 or none. */
struct user_dma_access {
	uint64_t address, count;
};
#define USER_DMA_WRITE_REPLY_BYTES 12u

/* USER_WRITE_MULTI: struct user_write_multi, then `count` writes; the reply is
 * the count of what was done. */
struct user_write_multi {
	uint64_t count;
};
struct user_write_one {
	uint64_t offset;
	uint32_t region, count; /* at most 8 */
	uint8_t data[8];
};

/* USER_FEATURE, both ways; the feature's data follows (uapi.h). */
struct user_feature {
	uint32_t argsz, flags; /* index, VFIO_DEVICE_FEATURE_* */
};

/* USER_MIG_DATA_READ and _WRITE, both ways; the data follows. The reply to a
 * read has `size` valid bytes of data (in the field the reply is as long as the
 * request asked for); fewer than asked for: no more for now. The reply to a
 * write has no payload. */
struct user_mig_data {
	uint32_t argsz, size;
};

/*
 * USER_DIRTY_PAGES, in the field only, of libvfio-user before migration v2:
 * flags are VFIO_IOMMU_DIRTY_PAGES_FLAG_*; GET_BITMAP has a range, whose reply
 * has the bitmap behind it.
 */
struct user_dirty_pages {
	uint32_t argsz, flags;
};
struct user_bitmap_range {
	uint64_t iova, size;
	uint64_t page_size, bitmap_bytes;
};

_Static_assert(sizeof(struct user_header) == 16, "wire");
_Static_assert(sizeof(struct user_version) == 4, "wire");
_Static_assert(sizeof(struct user_dma_map) == 32, "wire");
_Static_assert(sizeof(struct user_dma_unmap) == 24, "wire");
_Static_assert(sizeof(struct user_device_info) == 16, "wire");
_Static_assert(sizeof(struct user_region_io_fds) == 16, "wire");
_Static_assert(sizeof(struct user_irq_set) == 20, "wire");
_Static_assert(sizeof(struct user_region_access) == 16, "wire");
_Static_assert(sizeof(struct user_dma_access) == 16, "wire");
_Static_assert(sizeof(struct user_write_one) == 24, "wire");
_Static_assert(sizeof(struct user_feature) == 8, "wire");
_Static_assert(sizeof(struct user_mig_data) == 8, "wire");
_Static_assert(sizeof(struct user_bitmap_range) == 32, "wire");

#endif
