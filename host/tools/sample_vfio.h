/* SPDX-License-Identifier: MIT */
/* A sample's `vfio`. */
#ifndef VMFERRY_TOOLS_SAMPLE_VFIO_H
#define VMFERRY_TOOLS_SAMPLE_VFIO_H

#include <jansson.h>
#include <stdio.h>

#include "drive/run.h"
#include "report/result.h"

/* @result: gets the reason of each null. */
json_t *sample_vfio(const struct run_sample *sample, struct result *result);

/* For people; nothing without devices. */
void sample_vfio_print(const struct run_sample *sample, FILE *f);

#endif
