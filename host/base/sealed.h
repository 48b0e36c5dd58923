/* SPDX-License-Identifier: MIT */
/* Memory of somebody else's that may be mapped without fear. */
#ifndef VMFERRY_BASE_SEALED_H
#define VMFERRY_BASE_SEALED_H

#include <stdbool.h>
#include <stdint.h>

/**
 * sealed_fd() - is @fd a memfd of ordinary pages, @end bytes long, that can
 * never shrink? Of any other a load or store may fault (SIGBUS) as soon as its
 * owner wants.
 */
bool sealed_fd(int fd, uint64_t end);

#endif
