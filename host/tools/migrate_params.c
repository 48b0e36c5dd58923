/* SPDX-License-Identifier: MIT */
/* What `vmferry migrate` was asked for, as its result repeats it. */
#include "report/result.h"
#include "tools/migrate_options.h"

static json_t *attach_params(const struct run_attach *a)
{
	if (!a->source_qmp)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "source_qmp",
			 result_string(a->source_qmp), "target_qmp",
			 result_string(a->target_qmp), "source_console",
			 result_string(a->source_console), "target_console",
			 result_string(a->target_console), "uri",
			 result_string(a->uri));
}

json_t *migrate_params(const struct migrate_settings *s,
		       const struct run_settings *run)
{
	json_t *o = common_params(&s->common);

	json_object_set_new(o, "transport", json_string(run->transport));
	json_object_set_new(
		o, "max_bandwidth_bytes_per_s",
		json_integer((json_int_t)run->max_bandwidth_bytes_per_s));
	json_object_set_new(o, "downtime_limit_ms",
			    json_real((double)run->downtime_limit_ns / 1e6));
	json_object_set_new(o, "snapshot", result_string(run->snapshot));
	vfio_params(run, o);
	json_object_set_new(o, "channels", json_integer(run->nr_channels));
	json_object_set_new(o, "commit",
			    json_string(run->commit ? run->commit : "once"));
	json_object_set_new(o, "compress", migrate_compress_params(run));
	json_object_set_new(o, "send", send_params(&run->send));
	json_object_set_new(o, "idle", json_boolean(run->idle));
	json_object_set_new(o, "predict", json_boolean(s->predict));
	json_object_set_new(o, "before_ms",
			    json_real((double)run->warmup_ns / 1e6));
	json_object_set_new(o, "after_ms",
			    json_real((double)run->after_ns / 1e6));
	json_object_set_new(o, "timeout_ms",
			    json_real((double)run->timeout_ns / 1e6));
	json_object_set_new(o, "heartbeat_ms",
			    json_real((double)run->heartbeat_ns / 1e6));
	json_object_set_new(o, "tsc_shift_ms",
			    json_real((double)run->tsc_shift_ns / 1e6));
	json_object_set_new(o, "verify", json_string(s->verify_text));
	json_object_set_new(o, "sabotage",
			    s->sabotage_text ? json_string(s->sabotage_text)
					     : json_null());
	json_object_set_new(o, "fault",
			    s->fault_text ? json_string(s->fault_text)
					  : json_null());
	json_object_set_new(o, "attach", attach_params(&run->attach));
	link_params(&s->common.link, run, o);
	json_object_set(o, "qemu_capabilities", run->capabilities);
	json_object_set(o, "qemu_parameters", run->parameters);
	json_object_set_new(o, "seed", json_integer((json_int_t)s->seed));
	/* A soak has no number of its own. */
	json_object_set_new(
		o, "repeat",
		s->repeat ? json_integer((json_int_t)s->repeat)
			  : (s->for_ns ? json_null() : json_integer(1)));
	json_object_set_new(o, "hops", json_integer((json_int_t)s->hops));
	json_object_set_new(o, "for_s",
			    s->for_ns ? json_real((double)s->for_ns / 1e9)
				      : json_null());
	json_object_set_new(o, "ab", result_string(s->ab));
	json_object_set_new(o, "bundle", result_string(s->bundle));
	return o;
}
