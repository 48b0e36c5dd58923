/* SPDX-License-Identifier: MIT */
/* A sample's beginning, end, and whether it is right. */
#include "drive/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void run_sample_init(struct run_sample *o)
{
	double *const figures[] = {
		&o->boot_ready_ms,
		&o->fill_ms,
		&o->target_start_ms,
		&o->total_ms,
		&o->setup_ms,
		&o->downtime_ms,
		&o->blackout_ms,
		&o->guest_gap_ms,
		&o->brownout_ms,
		&o->wire_bytes,
		&o->kernel_bytes,
		&o->state_bytes,
		&o->source_cpu_s,
		&o->target_cpu_s,
		&o->rate_target,
		&o->rate_before,
		&o->rate_during,
		&o->rate_after,
		&o->stop_ms,
		&o->final_ram_ms,
		&o->device_save_ms,
		&o->device_load_ms,
		&o->resume_ms,
		&o->first_step_ms,
		&o->sampler_resolution_ms,
		&o->compression.busy_ratio,
		&o->integrity.coverage_pct,
		&o->source.integrity.coverage_pct,
	};
	size_t i;

	memset(o, 0, sizeof(*o));
	for (i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		*figures[i] = NAN;
	o->tsc_ran = -1;
	o->rounds = json_array();
	o->notes = json_array();
}

void run_sample_exit(struct run_sample *o)
{
	json_decref(o->rounds);
	json_decref(o->notes);
	run_compression_exit(&o->compression);
	json_decref(o->vmm_reported);
	free(o->prediction);
	findings_exit(&o->integrity.findings);
	findings_exit(&o->source.integrity.findings);
	sabotage_result_exit(&o->damage);
	sabotage_score_exit(&o->score);
}

/* What the user chose not to look at is a warning, not a failure. */
static bool is_clean(const struct run_integrity *in)
{
	return !in->findings.nr && !in->unlisted && !in->contradiction[0] &&
	       (isnan(in->coverage_pct) ||
		in->coverage_pct + in->unseen_pct > 99.999999);
}

/* As many as before, and each kick came through once. */
static bool queues_work(const struct run_sample *o)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (o->queues[i].lost || o->queues[i].wrong ||
		    o->queues[i].doubled)
			return false;
	return o->queues[0].queues == o->queues[1].queues;
}

bool run_sample_clean(const struct run_sample *o)
{
	char text[200];

	return queues_work(o) && run_vfio_clean(&o->vfio) &&
	       !run_l2_bad(&o->l2, text) && o->completed && !o->guest_lost &&
	       !o->two_runners && is_clean(&o->integrity) &&
	       (o->state_compared || o->state_unseen) && !o->state_differing;
}
