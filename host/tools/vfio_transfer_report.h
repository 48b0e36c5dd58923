/* SPDX-License-Identifier: MIT */
/* What `vmferry vfio transfer` makes of its transfers. */
#ifndef VMFERRY_TOOLS_VFIO_TRANSFER_REPORT_H
#define VMFERRY_TOOLS_VFIO_TRANSFER_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "report/result.h"
#include "vfio/transfer.h"

/* @from, @to: NULL = a file. @failure: NULL = it was none. */
json_t *vfio_transfer_sample(const struct transfer_stats *s,
			     const struct vfio_client *from,
			     const struct vfio_client *to, unsigned int repeat,
			     const char *failure);
/* Has the figures summarised, and prints their table. */
void vfio_transfer_finish(struct result *result, FILE *f);

#endif
