/* SPDX-License-Identifier: MIT */
/* Where RAM comes from: one function for each thing that backings differ in. */
#ifndef VMFERRY_VMM_BACKING_H
#define VMFERRY_VMM_BACKING_H

#include "vmm/guestmem.h"

/**
 * backing_resolve() - check what was asked for, settle the page size.
 * @params: its page_bytes is not 0 on return.
 */
int backing_resolve(struct guestmem_params *params, struct error *err);

/**
 * backing_open() - the memfd or file of @bytes.
 * @name: of the memfd.
 * @ret_fd: the caller's; -1 if the backing is anonymous.
 */
int backing_open(const struct guestmem_params *params, const char *name,
		 uint64_t bytes, int *ret_fd, struct error *err);

/**
 * backing_map() - map a region.
 * @r: gpa, bytes, memfd and page_bytes are set; hva is on return.
 */
int backing_map(const struct guestmem_params *params, struct guestmem_region *r,
		struct error *err);

#endif
