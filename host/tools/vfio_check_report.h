/* SPDX-License-Identifier: MIT */
/* The findings of `vmferry vfio check`: TAP for people and harnesses, JSON. */
#ifndef VMFERRY_TOOLS_VFIO_CHECK_REPORT_H
#define VMFERRY_TOOLS_VFIO_CHECK_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "report/result.h"
#include "vfio/check.h"

struct vfio_check_report {
	FILE *out; /* TAP */
	struct result *result; /* NULL = no JSON is wanted */
	const void *owner; /* the command's own */
	bool strict; /* what differs in the field is a failure too */
	json_t *checks;
	struct check_device device;
	bool device_known;
	unsigned int nr, nr_by[4]; /* by enum check_result */
};

/* For check_params: what is reported, one after another; @ctx is the report.*/
void vfio_check_begin(void *ctx, const struct check_device *device);
void vfio_check_add(void *ctx, const struct check_outcome *outcome);
/* The plan and the sums; into the result, if there is one. */
void vfio_check_end(struct vfio_check_report *t);
/* Is nothing wrong? */
bool vfio_check_green(const struct vfio_check_report *t);

/* vfio_check_list.c: the checks that @wanted takes, one a line. */
void vfio_check_list(FILE *f, bool (*wanted)(void *ctx, size_t index),
		     void *ctx);

#endif
