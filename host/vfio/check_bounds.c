/* SPDX-License-Identifier: MIT */
/* Requests that are well formed and ask for what there is not. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vfio/check_priv.h"

#define NEEDS (CHECK_NEEDS_USER | CHECK_DESTRUCTIVE)

static int call(struct check_run *r, uint16_t command, const void *payload,
		size_t bytes)
{
	return check_user_call(r, command, payload, bytes, NULL, 0, NULL, 0);
}

static bool region_bytes(struct check_run *r, uint32_t index, uint64_t *ret)
{
	struct vfio_region_info info = { .argsz = sizeof(info),
					 .index = index };

	if (!check_ok(r, call(r, USER_GET_REGION_INFO, &info, sizeof(info)),
		      "GET_REGION_INFO") ||
	    r->reply.payload_bytes < sizeof(info))
		return false;
	memcpy(&info, r->reply.payload, sizeof(info));
	*ret = info.size;
	return true;
}

static bool refuses(struct check_run *r, bool write, uint32_t region,
		    uint64_t offset, uint32_t bytes)
{
	uint8_t data[64] = { 0 };
	int rc = write ? r->port->region_write(r, region, offset, data, bytes)
		       : r->port->region_read(r, region, offset, data, bytes);

	if (r->broken[0])
		return check_that(r, false, "%s", r->broken);
	return check_that(r, rc != 0,
			  "%s of %u bytes at 0x%llx of region %u was accepted",
			  write ? "a write" : "a read", bytes,
			  (unsigned long long)offset, region);
}

static void beyond(struct check_run *r, bool write)
{
	uint64_t size;
	uint32_t i;

	for (i = 0; i < VFIO_PCI_NUM_REGIONS; i++) {
		if (!region_bytes(r, i, &size))
			return;
		if (!refuses(r, write, i, size, 4) ||
		    !refuses(r, write, i, size + 0x100000, 8) ||
		    !refuses(r, write, i, 0xfffffffffffffffcull, 8) ||
		    (size >= 4 && !refuses(r, write, i, size - 4, 8)))
			return;
	}
	if (refuses(r, write, 1000, 0, 4))
		refuses(r, write, UINT32_MAX, 0, 4);
}

static void run_read(struct check_run *r, const struct check_case *c)
{
	beyond(r, false);
}

static void run_write(struct check_run *r, const struct check_case *c)
{
	beyond(r, true);
}

/* More than may be transferred at once, and writes whose count is not that of
 * their data. */
static void run_counts(struct check_run *r, const struct check_case *c)
{
	struct {
		struct user_region_access a;
		uint8_t data[8];
	} m = { { 0, VFIO_PCI_BAR0_REGION_INDEX, UINT32_MAX }, { 0 } };

	if (!check_refused(r, call(r, USER_REGION_READ, &m.a, sizeof(m.a)),
			   "a read of 4 GiB") ||
	    !check_refused(r, call(r, USER_REGION_WRITE, &m, sizeof(m)),
			   "a write of 4 GiB with 8 bytes"))
		return;
	m.a.count = 64;
	check_refused(r, call(r, USER_REGION_WRITE, &m, sizeof(m)),
		      "a write of 64 bytes with 8");
}

static void run_indices(struct check_run *r, const struct check_case *c)
{
	struct vfio_region_info region = { .argsz = 4096, .index = 1000 };
	struct vfio_irq_info irq = { .argsz = sizeof(irq), .index = 1000 };
	int rc = call(r, USER_GET_REGION_INFO, &region, sizeof(region));

	if (!check_refused(r, rc, "GET_REGION_INFO of region 1000"))
		return;
	rc = call(r, USER_GET_IRQ_INFO, &irq, sizeof(irq));
	check_refused(r, rc, "GET_IRQ_INFO of kind 1000");
}

static void run_irqs(struct check_run *r, const struct check_case *c)
{
	const uint32_t none =
		VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
	const uint32_t msix = VFIO_PCI_MSIX_IRQ_INDEX;
	const struct user_irq_set bad[] = {
		{ 20, none, 1000, 0, 1 },
		{ 20, none, msix, 0, 100000 },
		{ 20, none, msix, UINT32_MAX, 2 },
		{ 20, none, msix, 2, UINT32_MAX },
		{ 20, VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_TRIGGER,
		  msix, 0, 1 },
		{ 20, VFIO_IRQ_SET_ACTION_TRIGGER, msix, 0, 1 },
		{ 20, VFIO_IRQ_SET_DATA_NONE, msix, 0, 1 },
		{ 20, none | VFIO_IRQ_SET_DATA_BOOL, msix, 0, 1 },
		{ 20, none | VFIO_IRQ_SET_ACTION_MASK, msix, 0, 1 },
	};
	size_t i;
	int rc;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rc = call(r, USER_SET_IRQS, &bad[i], sizeof(bad[i]));
		if (r->broken[0] ||
		    !check_that(r, rc != 0,
				"flags 0x%x, index %u, start %u, count %u was "
				"accepted",
				bad[i].flags, bad[i].index, bad[i].start,
				bad[i].count))
			return;
	}
}

/* More eventfds than vectors. */
static void run_irq_fds(struct check_run *r, const struct check_case *c)
{
	const struct user_irq_set set = { sizeof(set),
					  VFIO_IRQ_SET_DATA_EVENTFD |
						  VFIO_IRQ_SET_ACTION_TRIGGER,
					  VFIO_PCI_MSIX_IRQ_INDEX, 0, 1 };
	int fd = eventfd(0, EFD_CLOEXEC), fds[4] = { fd, fd, fd, fd };

	check_refused(r,
		      check_user_call(r, USER_SET_IRQS, &set, sizeof(set), NULL,
				      0, fds, 4),
		      "one vector with four eventfds");
	if (fd >= 0)
		close(fd);
}

static int feature(struct check_run *r, uint32_t argsz, uint32_t flags)
{
	const struct user_feature f = { argsz, flags };

	return call(r, USER_FEATURE, &f, sizeof(f));
}

static void run_features(struct check_run *r, const struct check_case *c)
{
	static const uint32_t operations[] = { VFIO_DEVICE_FEATURE_GET,
					       VFIO_DEVICE_FEATURE_SET,
					       VFIO_DEVICE_FEATURE_PROBE };
	static const uint32_t unknown[] = { 60, 100, 0xffff };
	size_t i, k;

	for (i = 0; i < 3; i++)
		for (k = 0; k < 3; k++)
			if (r->broken[0] ||
			    !check_that(
				    r,
				    feature(r, 64, operations[k] | unknown[i]),
				    "feature %u, flags 0x%x was accepted",
				    unknown[i], operations[k]))
				return;
}

static void run_feature_flags(struct check_run *r, const struct check_case *c)
{
	const uint32_t get = VFIO_DEVICE_FEATURE_GET;
	const uint32_t set = VFIO_DEVICE_FEATURE_SET;
	int rc = feature(r, 4, get | MIG_FEATURE_MIGRATION);

	if (!check_refused(r, rc, "a feature with an argsz of 4"))
		return;
	rc = feature(r, 64, get | set | MIG_FEATURE_DEVICE_STATE);
	if (!check_refused(r, rc, "a feature got and set at once"))
		return;
	rc = feature(r, 64, set | MIG_FEATURE_DEVICE_STATE);
	check_refused(r, rc, "a state to be set that is not there");
}

static void run_data(struct check_run *r, const struct check_case *c)
{
	struct {
		struct user_mig_data a;
		uint8_t data[8];
	} m = { { UINT32_MAX, UINT32_MAX }, { 0 } };

	if (!check_enter(r, MIG_STATE_STOP_COPY) ||
	    !check_refused(r, call(r, USER_MIG_DATA_READ, &m.a, sizeof(m.a)),
			   "a read of 4 GiB") ||
	    !check_enter(r, MIG_STATE_RESUMING) ||
	    !check_refused(r, call(r, USER_MIG_DATA_WRITE, &m, sizeof(m)),
			   "a write of 4 GiB with 8 bytes"))
		return;
	m.a = (struct user_mig_data){ 72, 64 };
	check_refused(r, call(r, USER_MIG_DATA_WRITE, &m, sizeof(m)),
		      "a write of 64 bytes with 8");
}

static void run_multi(struct check_run *r, const struct check_case *c)
{
	struct {
		struct user_write_multi m;
		struct user_write_one w;
	} one = { { 1 }, { 0, VFIO_PCI_CONFIG_REGION_INDEX, 9, { 0 } } };

	if (!r->peer.write_multi)
		return check_skip(r, "no write_multiple");
	if (!check_refused(r, call(r, USER_WRITE_MULTI, &one, sizeof(one)),
			   "a write of 9 bytes in 8"))
		return;
	one.w.count = 1;
	one.m.count = 1ull << 60;
	check_refused(r, call(r, USER_WRITE_MULTI, &one, sizeof(one)),
		      "2^60 writes in one of 24 bytes");
}

#define ACCESS "vfio-user, REGION_READ and _WRITE: "
#define HOSTILE "vfio-user, security considerations: input is checked: "

const struct check_case check_bounds_cases[] = {
	CHECK_CASE("bounds.region-read",
		   ACCESS "an access lies within its region", CHECK_MUST, NEEDS,
		   run_read),
	CHECK_CASE("bounds.region-write",
		   ACCESS "an access lies within its region", CHECK_MUST, NEEDS,
		   run_write),
	CHECK_CASE("bounds.region-count",
		   ACCESS "count is that of the data, and not above "
			  "max_data_xfer_size",
		   CHECK_MUST, NEEDS, run_counts),
	CHECK_CASE(
		"bounds.indices",
		"vfio-user, GET_REGION_INFO, GET_IRQ_INFO: indices that there are",
		CHECK_MUST, NEEDS, run_indices),
	CHECK_CASE(
		"bounds.irqs",
		"vfio-user, SET_IRQS: vectors that there are, one kind of data, "
		"one action",
		CHECK_SHOULD, NEEDS, run_irqs),
	CHECK_CASE("bounds.irq-descriptors",
		   "vfio-user, SET_IRQS: as many eventfds as vectors",
		   CHECK_DIFFERS, NEEDS, run_irq_fds),
	CHECK_CASE(
		"bounds.unknown-feature",
		"vfio-user, DEVICE_FEATURE: a probe succeeds for what is supported "
		"only (ENOTTY; EINVAL in the field)",
		CHECK_MUST, NEEDS, run_features),
	CHECK_CASE(
		"bounds.feature-flags",
		"vfio-user, DEVICE_FEATURE: GET and SET exclude each other, argsz "
		"and data have their size",
		CHECK_SHOULD, NEEDS | CHECK_NEEDS_MIGRATION | CHECK_NEEDS_V2,
		run_feature_flags),
	CHECK_CASE("bounds.data-size",
		   HOSTILE "sizes of migration data are true", CHECK_MUST,
		   NEEDS | CHECK_NEEDS_MIGRATION | CHECK_NEEDS_V2, run_data),
	CHECK_CASE(
		"bounds.write-multi",
		"vfio-user, REGION_WRITE_MULTI: counts are those of the data",
		CHECK_SHOULD, NEEDS, run_multi),
};
const size_t check_bounds_nr =
	sizeof(check_bounds_cases) / sizeof(check_bounds_cases[0]);
