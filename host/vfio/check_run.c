/* SPDX-License-Identifier: MIT */
/* The suite's course: which device it is, and one check after another. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "vfio/check_priv.h"

static const struct {
	const char *name, *missing;
} needs[CHECK_NR_NEEDS] = {
	{ "vfio-user", "not vfio-user" },
	{ "p2p", "the device has no P2P states" },
	{ "precopy", "the device has no pre-copy" },
	{ "dma-logging", "the device has no DMA logging" },
	{ "engine", "not the DMA engine whose writes are known" },
	{ "stream", "the device does not load its own stream, see "
		    "stream.round-trip" },
	{ "v2", "migration v1 has nothing of it" },
	{ "data-size", "the device has no MIG_DATA_SIZE" },
	{ "yes", "changes the device: wants --yes" },
	{ "hang-risk", "kernels before mid-2026 loop for ever on it: wants "
		       "--hang-risk" },
	{ "own-connection", "" },
	{ "migration", "the device has no migration" },
	{ "kernel", "not a device of the kernel's" },
};

static unsigned int have(const struct check_run *r)
{
	const struct check_device *d = &r->device;

	return (d->user ? CHECK_NEEDS_USER : CHECK_NEEDS_KERNEL) |
	       (d->flags & MIG_FLAG_P2P ? CHECK_NEEDS_P2P : 0) |
	       (d->flags & MIG_FLAG_PRE_COPY ? CHECK_NEEDS_PRECOPY : 0) |
	       (d->logging ? CHECK_NEEDS_LOGGING : 0) |
	       (d->engine ? CHECK_NEEDS_ENGINE : 0) |
	       (d->stream_loads ? CHECK_NEEDS_STREAM : 0) |
	       (d->v1 ? 0 : CHECK_NEEDS_V2) |
	       (d->data_size ? CHECK_NEEDS_DATA_SIZE : 0) |
	       (r->params->destructive ? CHECK_DESTRUCTIVE : 0) |
	       (d->user || r->params->hang_risk ? CHECK_MAY_HANG_KERNEL : 0) |
	       CHECK_OWN_WIRE | (d->migration ? CHECK_NEEDS_MIGRATION : 0);
}

const char *check_need_name(unsigned int bit)
{
	unsigned int i;

	for (i = 0; i < CHECK_NR_NEEDS; i++)
		if (bit == 1u << i)
			return needs[i].name;
	return "?";
}

/* What of it is not there, in one sentence; NULL = all is. */
static const char *missing(const struct check_run *r,
			   const struct check_case *c)
{
	unsigned int lacks = c->info.needs & ~have(r), i;

	/* What is never there comes before what an option would give. */
	if (lacks & ~(unsigned int)CHECK_DESTRUCTIVE & ~CHECK_NEEDS_STREAM)
		lacks &= ~(unsigned int)CHECK_DESTRUCTIVE & ~CHECK_NEEDS_STREAM;
	else if (lacks & CHECK_DESTRUCTIVE)
		lacks = CHECK_DESTRUCTIVE;
	for (i = 0; i < CHECK_NR_NEEDS; i++)
		if (lacks & 1u << i)
			return needs[i].missing;
	return NULL;
}

static void new_deadline(struct check_run *r)
{
	r->deadline_ns = clock_now_ns() + r->params->timeout_ms * NSEC_PER_MSEC;
	r->broken[0] = 0;
}

/* Is it there, and in order, for the check that comes? */
static bool prepare(struct check_run *r, bool destructive)
{
	int rc;

	new_deadline(r);
	rc = r->port->open(r);
	if (rc)
		return check_that(r, false, "no connection: %s",
				  r->broken[0] ? r->broken : strerror(-rc));
	if (!destructive || r->stuck)
		return true;
	r->stuck = !check_recover(r);
	return check_that(r, !r->broken[0],
			  "%s, while it was brought to RUNNING", r->broken);
}

static bool try_bring_back(struct check_run *r)
{
	bool there;

	r->decided = false;
	there = prepare(r, r->params->destructive);
	r->port->close(r);
	return there;
}

/*
 * Brings the device back for the next one. One that cannot be had any more is
 * this check's finding; away it is if a second try fails, too.
 */
static void bring_back(struct check_run *r, const char *name)
{
	enum check_result result = r->result;
	char text[sizeof(r->text)];
	bool there;

	memcpy(text, r->text, sizeof(text));
	there = try_bring_back(r);
	if (!there && result != CHECK_FAILED) {
		result = CHECK_FAILED;
		snprintf(text, sizeof(text), "afterwards: %.480s", r->text);
	}
	if (!there && !try_bring_back(r))
		r->gone = name;
	r->result = result;
	memcpy(r->text, text, sizeof(r->text));
}

static bool needs_running(const struct check_case *c)
{
	return c->info.needs & (CHECK_NEEDS_MIGRATION | CHECK_NEEDS_ENGINE);
}

static void run_case(struct check_run *r, const struct check_case *c)
{
	bool own = c->info.needs & CHECK_OWN_WIRE;

	if (own)
		new_deadline(r);
	else
		prepare(r, c->info.needs & CHECK_DESTRUCTIVE);
	if (r->stuck && needs_running(c))
		check_skip(r, "the device cannot be brought to RUNNING");
	if (!r->decided)
		c->run(r, c);
	check_engine_exit(r);
	/* A driver is not left in the middle of things. */
	if (!own && !r->device.user && !r->broken[0] &&
	    r->params->destructive && r->device.migration)
		check_recover(r);
	if (!own)
		r->port->close(r);
	if (r->broken[0])
		check_fail(r, "%s", r->broken);
	if (r->result == CHECK_FAILED && !r->broken[0] &&
	    c->info.severity == CHECK_DIFFERS)
		r->result = CHECK_DIFFERED;
	bring_back(r, c->info.name);
}

static void run_one(struct check_run *r, const struct check_case *c)
{
	uint64_t begin = clock_now_ns();
	const char *lacks = missing(r, c);
	struct check_outcome o = { .info = &c->info };

	r->decided = false;
	r->result = CHECK_PASSED;
	r->text[0] = r->broken[0] = 0;
	if (lacks)
		check_skip(r, "%s", lacks);
	else if (r->gone)
		check_skip(r, "the device is away since %s", r->gone);
	else if (r->device.user)
		run_case(r, c);
	else
		check_forked(r, c, run_case, c->info.name);
	o.result = r->result;
	o.text = r->text;
	o.ms = (double)(clock_now_ns() - begin) / (double)NSEC_PER_MSEC;
	r->params->report(r->params->ctx, &o);
}

static void find_ids(struct check_run *r)
{
	struct check_device *d = &r->device;
	uint16_t ids[2] = { 0, 0 };
	uint64_t magic = 0;

	d->vendor = d->device = UINT32_MAX;
	if (r->port->region_read(r, VFIO_PCI_CONFIG_REGION_INDEX, 0, ids,
				 sizeof(ids)))
		return;
	d->vendor = ids[0];
	d->device = ids[1];
	if (ids[0] != ABI_DMA_VENDOR || ids[1] != ABI_DMA_DEVICE ||
	    r->port->region_read(r, ABI_DMA_BAR_REGS, 0, &magic, sizeof(magic)))
		return;
	d->engine = magic == ABI_DMA_MAGIC;
}

static void find_migration(struct check_run *r)
{
	struct check_device *d = &r->device;

	d->migration = !r->port->flags(r, &d->flags);
	if (!d->migration && d->user && !r->broken[0] && check_find_v1(r)) {
		r->v1_port = *r->port;
		check_port_v1(&r->v1_port);
		r->port = &r->v1_port;
		d->v1 = d->migration = true;
		r->port->flags(r, &d->flags);
	}
	if (!d->migration)
		d->flags = 0;
	else if (d->v1)
		d->logging = d->user && r->params->destructive &&
			     !r->port->log_start(r, 4096, NULL, 0) &&
			     !r->port->log_stop(r);
	else
		d->logging = !r->port->feature_probe(
			r, VFIO_DEVICE_FEATURE_SET | MIG_FEATURE_LOGGING_START);
	d->data_size =
		d->migration && !d->v1 &&
		!r->port->feature_probe(r, VFIO_DEVICE_FEATURE_GET |
						   MIG_FEATURE_DATA_SIZE);
}

/* The device's stream, with which it is brought out of RESUMING. */
static void find_stream(struct check_run *r)
{
	struct check_device *d = &r->device;
	int rc;

	if (!d->migration || !r->params->destructive)
		return;
	r->decided = false;
	if (!check_recover(r)) {
		snprintf(d->stream_why, sizeof(d->stream_why),
			 "the device does not come to RUNNING");
		r->stuck = true;
		return;
	}
	if (!check_save(r, &r->golden)) {
		memcpy(d->stream_why, r->text, sizeof(d->stream_why) - 1);
		return;
	}
	d->stream_bytes = r->golden.bytes;
	rc = check_load(r, &r->golden);
	if (rc)
		snprintf(d->stream_why, sizeof(d->stream_why), "%s",
			 r->broken[0] ? r->broken : strerror(-rc));
	d->stream_loads = !rc;
	r->stuck = !check_recover(r);
}

/* With a driver, once by somebody who may be lost in it. */
static void rehearse(struct check_run *r, const struct check_case *c)
{
	new_deadline(r);
	if (r->port->open(r))
		return;
	find_migration(r);
	find_stream(r);
	r->port->close(r);
}

static int find_device(struct check_run *r, struct error *err)
{
	int rc;

	if (!r->device.user)
		check_forked(r, NULL, rehearse, "the beginning");
	r->decided = false;
	if (r->gone)
		return error_set(err, -ENOTCONN,
				 "%s: %s, as its state was read and written",
				 r->params->target, r->text);
	new_deadline(r);
	rc = r->port->open(r);
	if (rc)
		return error_set(err, -ENOTCONN, "cannot talk to %s: %s",
				 r->params->target,
				 r->broken[0] ? r->broken : strerror(-rc));
	find_ids(r);
	find_migration(r);
	find_stream(r);
	r->port->close(r);
	/* One that hangs by now is found out by the first check. */
	return 0;
}

static int choose_port(struct check_run *r, struct error *err)
{
	struct stat st;

	if (stat(r->params->target, &st))
		return error_set(err, -ENOTCONN, "%s: %s", r->params->target,
				 strerror(errno));
	r->device.user = S_ISSOCK(st.st_mode);
	r->port = r->device.user ? &check_port_user : &check_port_kernel;
	if (!r->device.user && strncmp(r->params->target, "/dev/vfio/", 10))
		return error_set(err, -EOPNOTSUPP,
				 "%s is neither a socket nor a VFIO group",
				 r->params->target);
	return 0;
}

static bool is_cancelled(const struct check_params *params)
{
	struct pollfd p = { .fd = params->cancel_fd, .events = POLLIN };

	return params->cancel_fd >= 0 && poll(&p, 1, 0) > 0;
}

static int run_all(struct check_run *r)
{
	const struct check_params *p = r->params;
	size_t i;

	for (i = 0; i < check_nr(); i++) {
		if (is_cancelled(p))
			return -ECANCELED;
		if (!p->wanted || p->wanted(p->ctx, i))
			run_one(r, check_case_get(i));
	}
	return 0;
}

int check_run(const struct check_params *params, struct error *err)
{
	struct check_run *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return error_set(err, -ENOMEM, "no memory");
	r->params = params;
	r->memory.fd = r->wire.fd = -1;
	rc = choose_port(r, err);
	if (!rc)
		rc = find_device(r, err);
	if (!rc && params->begin)
		params->begin(params->ctx, &r->device);
	if (!rc)
		rc = run_all(r);
	if (rc == -ECANCELED)
		error_set(err, rc, "interrupted");
	check_blob_free(&r->golden);
	free(r);
	return rc;
}
