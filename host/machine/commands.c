/* SPDX-License-Identifier: MIT */
/* The QMP commands of the mini VMM: QEMU's names, arguments and units. */
#include "machine/state.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "migrate/migrate.h"
#include "vmm/stats.h"

static int do_query_status(void *ctx, struct qmp_call *call, json_t *args,
			   json_t **ret_value, struct qmp_error *err)
{
	struct machine *m = ctx;

	pthread_mutex_lock(&m->lock);
	*ret_value = json_pack("{s:s, s:b, s:b}", "status", machine_status(m),
			       "running", m->run == RUN_RUNNING && !m->ended,
			       "singlestep", 0);
	pthread_mutex_unlock(&m->lock);
	return 0;
}

static int do_stop(void *ctx, struct qmp_call *call, json_t *args,
		   json_t **ret_value, struct qmp_error *err)
{
	return machine_stop(ctx);
}

static int do_cont(void *ctx, struct qmp_call *call, json_t *args,
		   json_t **ret_value, struct qmp_error *err)
{
	return machine_cont(ctx, &err->desc);
}

static int do_quit(void *ctx, struct qmp_call *call, json_t *args,
		   json_t **ret_value, struct qmp_error *err)
{
	struct machine *m = ctx;

	qmp_server_event(
		m->qmp, "SHUTDOWN",
		json_pack("{s:b, s:s}", "guest", 0, "reason", "host-qmp-quit"));
	qmp_server_stop(m->qmp);
	return 0;
}

static int do_query_cpus(void *ctx, struct qmp_call *call, json_t *args,
			 json_t **ret_value, struct qmp_error *err)
{
	struct machine *m = ctx;
	unsigned int i;

	*ret_value = json_array();
	for (i = 0; i < vm_nr_vcpus(m->vm); i++)
		json_array_append_new(*ret_value,
				      json_pack("{s:i, s:i, s:s}", "cpu-index",
						(int)i, "thread-id",
						(int)vm_thread_id(m->vm, i),
						"target", "x86_64"));
	return 0;
}

/* Where the guest's memory lies in this process, for tools that look at it
 * from outside (process_vm_readv, /proc/PID/fd). */
static int do_query_memory(void *ctx, struct qmp_call *call, json_t *args,
			   json_t **ret_value, struct qmp_error *err)
{
	const struct guestmem *mem = vm_memory(((struct machine *)ctx)->vm);
	unsigned int i;

	*ret_value = json_array();
	for (i = 0; i < mem->nr_regions; i++) {
		const struct guestmem_region *r = &mem->region[i];
		bool control = !strcmp(r->name, "control");

		json_array_append_new(
			*ret_value,
			json_pack("{s:I, s:I, s:I, s:i, s:s}", "gpa",
				  (json_int_t)r->gpa, "bytes",
				  (json_int_t)r->bytes, "hva",
				  (json_int_t)(uintptr_t)r->hva, "fd", r->memfd,
				  "kind", control ? "control" : "ram"));
	}
	return 0;
}

/* The clock that stamps the events: for who must compare it with another. */
static int do_query_clock(void *ctx, struct qmp_call *call, json_t *args,
			  json_t **ret_value, struct qmp_error *err)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	*ret_value = json_pack("{s:I}", "realtime-us",
			       (json_int_t)now.tv_sec * 1000000 +
				       now.tv_nsec / 1000);
	return 0;
}

/* Of "fd:NAME", parked with getfd; else -1. */
static int take_fd(struct qmp_call *call, const char *uri, int *ret_fd,
		   struct qmp_error *err)
{
	int fd;

	if (strncmp(uri, "fd:", 3))
		return 0;
	fd = qmp_call_take_fd(call, uri + 3);
	if (fd < 0)
		return qmp_error_set(err, -ENOENT,
				     "No file descriptor named '%s': pass it "
				     "with getfd first",
				     uri + 3);
	*ret_fd = fd;
	return 0;
}

static int do_migrate(void *ctx, struct qmp_call *call, json_t *args,
		      json_t **ret_value, struct qmp_error *err)
{
	const char *uri = json_string_value(json_object_get(args, "uri"));
	struct machine *m = ctx;
	int fd = -1, rc;

	rc = take_fd(call, uri, &fd, err);
	if (!rc)
		rc = migration_start(m, uri, fd, &err->desc);
	if (rc && fd >= 0)
		close(fd);
	return rc;
}

static int do_migrate_incoming(void *ctx, struct qmp_call *call, json_t *args,
			       json_t **ret_value, struct qmp_error *err)
{
	const char *uri = json_string_value(json_object_get(args, "uri"));
	int rc, fd = -1;

	rc = take_fd(call, uri, &fd, err);
	if (!rc)
		rc = migration_listen(ctx, uri, fd, &err->desc);
	if (rc && fd >= 0)
		close(fd);
	return rc;
}

static int do_migrate_cancel(void *ctx, struct qmp_call *call, json_t *args,
			     json_t **ret_value, struct qmp_error *err)
{
	return migration_cancel(ctx);
}

static int do_query_migrate(void *ctx, struct qmp_call *call, json_t *args,
			    json_t **ret_value, struct qmp_error *err)
{
	*ret_value = migration_query(ctx);
	return 0;
}

static bool *capability(struct machine *m, const char *name)
{
	if (!strcmp(name, "events"))
		return &m->migration.events;
	if (!strcmp(name, "multifd"))
		return &m->migration.several;
	if (!strcmp(name, "compress"))
		return &m->migration.compress;
	return NULL;
}

static int do_set_capabilities(void *ctx, struct qmp_call *call, json_t *args,
			       json_t **ret_value, struct qmp_error *err)
{
	struct machine *m = ctx;
	json_t *entry;
	size_t i;

	json_array_foreach (json_object_get(args, "capabilities"), i, entry) {
		const char *name;
		int state;

		if (json_unpack(entry, "{s:s, s:b!}", "capability", &name,
				"state", &state))
			return qmp_error_set(err, -EINVAL,
					     "a capability is {'capability': "
					     "NAME, 'state': BOOL}");
		if (!capability(m, name))
			return qmp_error_set(err, -EINVAL,
					     "Parameter 'capability' does not "
					     "accept value '%s'",
					     name);
		pthread_mutex_lock(&m->lock);
		*capability(m, name) = state;
		pthread_mutex_unlock(&m->lock);
	}
	return 0;
}

static int do_query_capabilities(void *ctx, struct qmp_call *call, json_t *args,
				 json_t **ret_value, struct qmp_error *err)
{
	struct machine *m = ctx;

	pthread_mutex_lock(&m->lock);
	*ret_value = json_pack("[{s:s, s:b}, {s:s, s:b}, {s:s, s:b}]",
			       "capability", "events", "state",
			       m->migration.events, "capability", "multifd",
			       "state", m->migration.several, "capability",
			       "compress", "state", m->migration.compress);
	pthread_mutex_unlock(&m->lock);
	return 0;
}

/* KVM's counters, for each vCPU; null where it gives none. */
static int do_query_stats(void *ctx, struct qmp_call *call, json_t *args,
			  json_t **ret_value, struct qmp_error *err)
{
	struct machine *m = ctx;
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < vm_nr_vcpus(m->vm); i++) {
		uint64_t exits;
		json_t *n = vm_stat(m->vm, i, "exits", &exits)
				    ? json_null()
				    : json_integer((json_int_t)exits);

		json_array_append_new(list, json_pack("{s:o}", "exits", n));
	}
	*ret_value = list;
	return 0;
}

static int set_skip(struct machine *m, json_t *skip, struct qmp_error *err)
{
	json_int_t count, seed;
	int dma = 0;

	if (json_unpack(skip, "{s:I, s:I, s?b!}", "count", &count, "seed",
			&seed, "dma", &dma) ||
	    count < 0 || count > 1 << 20)
		return qmp_error_set(err, -EINVAL,
				     "x-sabotage-skip-dirty is {'count': "
				     "0..1048576, 'seed': INT, 'dma': BOOL "
				     "(optional)}");
	m->migration.skip_count = (uint64_t)count;
	m->migration.skip_seed = (uint64_t)seed;
	m->migration.skip_dma = dma;
	return 0;
}

static int do_set_parameters(void *ctx, struct qmp_call *call, json_t *args,
			     json_t **ret_value, struct qmp_error *err)
{
	struct machine *m = ctx;
	struct migrate_params *p = &m->migration.params;
	json_t *bandwidth = json_object_get(args, "max-bandwidth");
	json_t *downtime = json_object_get(args, "downtime-limit");
	json_t *skip = json_object_get(args, "x-sabotage-skip-dirty");
	json_t *drop = json_object_get(args, "x-sabotage-drop-nested-state");
	json_t *channels = json_object_get(args, "multifd-channels");
	json_t *send = json_object_get(args, "x-send");
	const char *mode = json_string_value(json_object_get(args, "mode"));
	json_int_t ms = json_integer_value(downtime);
	json_int_t nr = json_integer_value(channels);
	int rc = 0;

	if (downtime && ms > 2000000)
		return qmp_error_set(err, -EINVAL,
				     "Parameter 'downtime-limit' expects an "
				     "integer in the range of 0 to 2000000 "
				     "milliseconds");
	if (channels && (nr < 2 || nr > MIGRATE_MAX_CHANNELS))
		return qmp_error_set(err, -EINVAL,
				     "Parameter 'multifd-channels' expects a "
				     "value between 2 and %u",
				     MIGRATE_MAX_CHANNELS);
	if (mode && strcmp(mode, "normal") && strcmp(mode, "cpr-transfer"))
		return qmp_error_set(err, -EINVAL,
				     "Parameter 'mode' does not accept value "
				     "'%s'",
				     mode);
	pthread_mutex_lock(&m->lock);
	if (mode && m->migration.active)
		rc = qmp_error_set(err, -EBUSY,
				   "There's a migration process in progress");
	else if (mode)
		p->hand_over = strcmp(mode, "normal");
	if (channels)
		m->migration.nr_channels = (unsigned int)nr;
	if (!rc)
		rc = compression_set(m, args, err);
	if (!rc && skip)
		rc = set_skip(m, skip, err);
	if (drop)
		m->migration.drop_nested = json_is_true(drop);
	if (!rc && send)
		rc = machine_set_send(m, send, err);
	if (!rc && bandwidth)
		p->max_bandwidth_bytes_per_s =
			(uint64_t)json_integer_value(bandwidth);
	if (!rc && downtime)
		p->downtime_limit_ns = (uint64_t)ms * NSEC_PER_MSEC;
	if (!rc && m->migration.source)
		migrate_source_set_params(m->migration.source, p);
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int do_query_parameters(void *ctx, struct qmp_call *call, json_t *args,
			       json_t **ret_value, struct qmp_error *err)
{
	struct machine *m = ctx;
	struct migrate_params p;
	unsigned int nr;
	json_t *compression = json_object();

	pthread_mutex_lock(&m->lock);
	p = m->migration.params;
	nr = m->migration.nr_channels;
	compression_get(m, compression);
	pthread_mutex_unlock(&m->lock);
	*ret_value = json_pack(
		"{s:s, s:I, s:I, s:I}", "mode",
		p.hand_over ? "cpr-transfer" : "normal", "multifd-channels",
		(json_int_t)nr, "max-bandwidth",
		(json_int_t)p.max_bandwidth_bytes_per_s, "downtime-limit",
		(json_int_t)(p.downtime_limit_ns / NSEC_PER_MSEC));
	json_object_update_new(*ret_value, compression);
	return 0;
}

static const struct qmp_arg uri_args[] = {
	{ "uri", QMP_ARG_STRING, false },
	{ NULL, 0, false },
};

static const struct qmp_arg capability_args[] = {
	{ "capabilities", QMP_ARG_ARRAY, false },
	{ NULL, 0, false },
};

static const struct qmp_arg parameter_args[] = {
	{ "max-bandwidth", QMP_ARG_SIZE, true },
	{ "downtime-limit", QMP_ARG_SIZE, true },
	{ "multifd-channels", QMP_ARG_SIZE, true },
	{ "mode", QMP_ARG_STRING, true },
	{ "compress-level", QMP_ARG_INT, true },
	{ "compress-threads", QMP_ARG_INT, true },
	{ "compress-wait-thread", QMP_ARG_BOOL, true },
	{ "decompress-threads", QMP_ARG_INT, true },
	{ "x-compress-batch", QMP_ARG_INT, true },
	{ "x-compress-codec", QMP_ARG_STRING, true },
	{ "x-compress-engine", QMP_ARG_STRING, true },
	{ "x-sabotage-drop-nested-state", QMP_ARG_BOOL, true },
	{ "x-sabotage-skip-dirty", QMP_ARG_OBJECT, true },
	{ "x-send", QMP_ARG_OBJECT, true },
	{ NULL, 0, false },
};

const struct qmp_command machine_commands[] = {
	{ "cont", do_cont, NULL },
	{ "migrate", do_migrate, uri_args },
	{ "migrate-incoming", do_migrate_incoming, uri_args },
	{ "migrate-set-capabilities", do_set_capabilities, capability_args },
	{ "migrate-set-parameters", do_set_parameters, parameter_args },
	{ "migrate_cancel", do_migrate_cancel, NULL },
	{ "query-cpus-fast", do_query_cpus, NULL },
	{ "query-migrate", do_query_migrate, NULL },
	{ "query-migrate-capabilities", do_query_capabilities, NULL },
	{ "query-migrate-parameters", do_query_parameters, NULL },
	{ "query-status", do_query_status, NULL },
	{ "quit", do_quit, NULL },
	{ "stop", do_stop, NULL },
	{ "x-query-clock", do_query_clock, NULL },
	{ "x-query-memory", do_query_memory, NULL },
	{ "x-query-stats", do_query_stats, NULL },
	{ NULL, NULL, NULL },
};
