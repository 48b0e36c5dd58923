/* SPDX-License-Identifier: MIT */
/* All checks, group by group. */
#include "vfio/check_priv.h"

static const struct {
	const struct check_case *cases;
	const size_t *nr;
} groups[] = {
	{ check_info_cases, &check_info_nr },
	{ check_connect_cases, &check_connect_nr },
	{ check_arcs_cases, &check_arcs_nr },
	{ check_stream_cases, &check_stream_nr },
	{ check_precopy_cases, &check_precopy_nr },
	{ check_dirty_cases, &check_dirty_nr },
	{ check_dma_cases, &check_dma_nr },
	{ check_maps_cases, &check_maps_nr },
	{ check_bounds_cases, &check_bounds_nr },
	{ check_abuse_cases, &check_abuse_nr },
	{ check_noise_cases, &check_noise_nr },
	{ check_reset_cases, &check_reset_nr },
	/* Last: it may leave a device where only a reset brings it out of. */
	{ check_load_cases, &check_load_nr },
};

#define NR_GROUPS (sizeof(groups) / sizeof(groups[0]))

size_t check_nr(void)
{
	size_t i, nr = 0;

	for (i = 0; i < NR_GROUPS; i++)
		nr += *groups[i].nr;
	return nr;
}

const struct check_case *check_case_get(size_t index)
{
	size_t i = 0;

	while (index >= *groups[i].nr)
		index -= *groups[i++].nr;
	return &groups[i].cases[index];
}

const struct check_info *check_get(size_t index)
{
	return &check_case_get(index)->info;
}

const char *check_severity_name(enum check_severity severity)
{
	static const char *const names[] = { "must", "should", "differs" };

	return names[severity];
}

const char *check_result_name(enum check_result result)
{
	static const char *const names[] = {
		[CHECK_PASSED] = "pass",
		[CHECK_FAILED] = "fail",
		[CHECK_DIFFERED] = "differs",
		[CHECK_SKIPPED] = "skip",
	};

	return names[result];
}
