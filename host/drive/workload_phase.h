/* SPDX-License-Identifier: MIT */
/* The part of a workload that phases change; see workload.h. */
#ifndef VMFERRY_DRIVE_WORKLOAD_PHASE_H
#define VMFERRY_DRIVE_WORKLOAD_PHASE_H

#include "drive/workload.h"

/* The defaults, in full: workload_phase_finish() drops what does not apply. */
void workload_phase_init(struct workload_phase *p);

/**
 * workload_phase_set() - one key of a phase: pattern, stride, hot, burst, rate.
 *
 * Return: 0; -ENOENT for another key; -EINVAL with a sentence.
 */
int workload_phase_set(struct workload_phase *p, const char *key,
		       const char *value, struct error *err);

/* "KEY:VALUE[&KEY:VALUE...]/TIME[;...]", each beginning as @w->base. @text is
 * cut up. Return: 0 or -EINVAL with a sentence. */
int workload_phases_set(struct workload *w, char *text, struct error *err);

/* Keys of other patterns than the phase's become 0. */
void workload_phase_finish(struct workload_phase *p);

/* The words, divided by @divider, keys and values by @equals. Return: bytes, as
 * snprintf(). */
int workload_phase_words(const struct workload_phase *p, char equals,
			 char divider, char *text, size_t bytes);

/* As workload_target_bytes_per_s(), of one phase. */
double workload_phase_target(const struct workload_phase *p,
			     unsigned int nr_vcpus);

#endif
