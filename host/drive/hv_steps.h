/* SPDX-License-Identifier: MIT */
/* What the guest's checks of Hyper-V's interface look for. */
#ifndef VMFERRY_DRIVE_HV_STEPS_H
#define VMFERRY_DRIVE_HV_STEPS_H

#include "hv_checks.h"

/* Name of @check, as the guest's console and --hv-break know it. */
const char *hv_check_name(enum hv_check check);

/* Title of the section of the TLFS that says what must hold. */
const char *hv_check_section(enum hv_check check);

/* What doesn't hold if @check fails at @step. Never NULL. */
const char *hv_step_sentence(enum hv_check check, unsigned int step);

#endif
