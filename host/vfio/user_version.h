/* SPDX-License-Identifier: MIT */
/* The first message of vfio-user: version, and capabilities as JSON. */
#ifndef VMFERRY_VFIO_USER_VERSION_H
#define VMFERRY_VFIO_USER_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio/user_proto.h"

/* Which capabilities a peer named. */
#define USER_CAP_MSG_FDS 1u
#define USER_CAP_XFER 2u
#define USER_CAP_DMA_MAPS 4u
#define USER_CAP_PGSIZES 8u /* as the text has it, a number of its own */
#define USER_CAP_PGSIZE_FIELD 16u /* as the field has it, in "migration" */
#define USER_CAP_WRITE_MULTI 32u
#define USER_CAP_TWIN_SOCKET 64u
#define USER_CAP_ALL 127u

struct user_caps {
	unsigned int named; /* USER_CAP_*; the rest are defaults */
	uint64_t max_msg_fds, max_xfer_bytes, max_dma_maps;
	uint64_t pgsizes; /* ORed together */
	bool write_multi, twin_socket;
	unsigned int twin_fd; /* index; with twin_socket, of a reply */
};

/* What a peer that names nothing can. */
void user_caps_default(struct user_caps *caps);

/**
 * user_version_build() - the payload of a USER_VERSION message.
 * @caps: those in `named` are written.
 * @ret, @ret_bytes: version, JSON, NUL; free() it.
 *
 * Return: 0 or -ENOMEM.
 */
int user_version_build(uint16_t major, uint16_t minor,
		       const struct user_caps *caps, void **ret,
		       size_t *ret_bytes);

/**
 * user_version_parse() - the reverse, of bytes of a peer's.
 * @ret_version, @ret_caps: untouched on failure.
 *
 * What is not known in the JSON is passed over.
 *
 * Return: 0; -EPROTO: too short, without NUL at its end (or with one before),
 * no JSON object, a capability of the wrong type or out of its range.
 */
int user_version_parse(const void *data, size_t bytes,
		       struct user_version *ret_version,
		       struct user_caps *ret_caps);

#endif
