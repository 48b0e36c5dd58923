/* SPDX-License-Identifier: MIT */
/* What the device says about itself: does it fit together? */
#include <errno.h>
#include <string.h>

#include "vfio/check_priv.h"

#define MAX_ASKED 64u

static bool ask(struct check_run *r, uint16_t command, const void *payload,
		size_t bytes, const char *what)
{
	return check_ok(
		r,
		check_user_call(r, command, payload, bytes, NULL, 0, NULL, 0),
		what);
}

static bool get_info(struct check_run *r, struct user_device_info *ret)
{
	*ret = (struct user_device_info){ .argsz = sizeof(*ret) };
	if (!ask(r, USER_GET_INFO, ret, sizeof(*ret), "GET_INFO") ||
	    !check_that(r, r->reply.payload_bytes >= sizeof(*ret),
			"a reply of %zu bytes", r->reply.payload_bytes))
		return false;
	memcpy(ret, r->reply.payload, sizeof(*ret));
	return true;
}

static void run_device(struct check_run *r, const struct check_case *c)
{
	struct user_device_info info;

	if (!get_info(r, &info))
		return;
	check_that(r,
		   r->reply.payload_bytes == sizeof(info) &&
			   info.argsz == sizeof(info),
		   "a reply of %zu bytes, its argsz %u, not 16",
		   r->reply.payload_bytes, info.argsz);
	if (!(info.flags & VFIO_DEVICE_FLAGS_PCI) || r->decided)
		return;
	check_that(r,
		   info.num_regions >= VFIO_PCI_NUM_REGIONS &&
			   info.num_irqs >= VFIO_PCI_MSIX_IRQ_INDEX + 1,
		   "a PCI device with %u regions and %u kinds of interrupts",
		   info.num_regions, info.num_irqs);
}

static bool caps_fit(struct check_run *r, const struct vfio_region_info *info)
{
	size_t bytes = r->reply.payload_bytes;
	struct vfio_info_cap_header cap;
	uint32_t at = info->cap_offset;
	unsigned int nr;

	if (!(info->flags & VFIO_REGION_INFO_FLAG_CAPS))
		return true;
	for (nr = 0; at && nr < 32; nr++) {
		if (!check_that(
			    r, at >= sizeof(*info) && at <= bytes - sizeof(cap),
			    "region %u: a capability at %u of %zu bytes",
			    info->index, at, bytes))
			return false;
		memcpy(&cap, (const uint8_t *)r->reply.payload + at,
		       sizeof(cap));
		at = cap.next;
	}
	return check_that(r, nr < 32, "region %u: capabilities in a circle",
			  info->index);
}

static bool region(struct check_run *r, uint32_t index)
{
	struct vfio_region_info info = { .argsz = 4096, .index = index };

	if (!ask(r, USER_GET_REGION_INFO, &info, sizeof(info),
		 "GET_REGION_INFO") ||
	    !check_that(r, r->reply.payload_bytes >= sizeof(info),
			"region %u: a reply of %zu bytes", index,
			r->reply.payload_bytes))
		return false;
	memcpy(&info, r->reply.payload, sizeof(info));
	return check_that(r,
			  info.index == index && info.argsz >= sizeof(info) &&
				  r->reply.payload_bytes == info.argsz,
			  "region %u: a reply of %zu bytes, its argsz %u, its "
			  "index %u",
			  index, r->reply.payload_bytes, info.argsz,
			  info.index) &&
	       check_that(r,
			  !(info.flags & VFIO_REGION_INFO_FLAG_MMAP) ||
				  (info.size && r->reply.nr_fds),
			  "region %u: may be mapped, and there is no "
			  "descriptor",
			  index) &&
	       caps_fit(r, &info);
}

static void run_regions(struct check_run *r, const struct check_case *c)
{
	struct user_device_info info;
	uint32_t i;

	if (!get_info(r, &info))
		return;
	for (i = 0; i < info.num_regions && i < MAX_ASKED; i++)
		if (!region(r, i))
			return;
}

/* Room for the fixed part alone: argsz says what is needed. */
static void run_small_room(struct check_run *r, const struct check_case *c)
{
	struct user_device_info device;
	struct vfio_region_info info;
	uint32_t i;

	if (!get_info(r, &device))
		return;
	for (i = 0; i < device.num_regions && i < MAX_ASKED; i++) {
		info = (struct vfio_region_info){ .argsz = sizeof(info),
						  .index = i };
		if (!ask(r, USER_GET_REGION_INFO, &info, sizeof(info),
			 "GET_REGION_INFO") ||
		    !check_that(r, r->reply.payload_bytes == sizeof(info),
				"region %u: %zu bytes where 32 were asked for",
				i, r->reply.payload_bytes))
			return;
	}
}

static void run_irqs(struct check_run *r, const struct check_case *c)
{
	struct user_device_info device;
	struct vfio_irq_info irq;
	uint32_t i;

	if (!get_info(r, &device))
		return;
	for (i = 0; i < device.num_irqs && i < MAX_ASKED; i++) {
		irq = (struct vfio_irq_info){ .argsz = sizeof(irq),
					      .index = i };
		if (!ask(r, USER_GET_IRQ_INFO, &irq, sizeof(irq),
			 "GET_IRQ_INFO") ||
		    !check_that(r, r->reply.payload_bytes == sizeof(irq),
				"interrupt %u: a reply of %zu bytes, not 16", i,
				r->reply.payload_bytes))
			return;
		memcpy(&irq, r->reply.payload, sizeof(irq));
		if (!check_that(r, irq.index == i && irq.count <= 2048,
				"interrupt %u: index %u, count %u", i,
				irq.index, irq.count))
			return;
	}
}

/* A probe succeeds where the thing itself does. */
static void run_probe(struct check_run *r, const struct check_case *c)
{
	static const uint32_t both = VFIO_DEVICE_FEATURE_GET |
				     VFIO_DEVICE_FEATURE_SET |
				     MIG_FEATURE_DEVICE_STATE;
	int rc;

	if (!check_ok(r,
		      r->port->feature_probe(r, VFIO_DEVICE_FEATURE_GET |
							MIG_FEATURE_MIGRATION),
		      "the probe of getting MIGRATION") ||
	    !check_ok(r, r->port->feature_probe(r, both),
		      "the probe of MIG_DEVICE_STATE, both ways"))
		return;
	rc = r->port->feature_probe(r, VFIO_DEVICE_FEATURE_SET |
					       MIG_FEATURE_MIGRATION);
	check_refused(r, rc, "the probe of setting MIGRATION");
}

static void run_data_reply(struct check_run *r, const struct check_case *c)
{
	uint8_t data[16];
	size_t got;
	bool end;

	if (!check_enter(r, MIG_STATE_STOP_COPY) ||
	    !check_ok(r, r->port->data_read(r, data, sizeof(data), &got, &end),
		      "MIG_DATA_READ"))
		return;
	check_that(r,
		   r->reply.payload_bytes == sizeof(struct user_mig_data) + got,
		   "a reply of %zu bytes, %zu of them are data",
		   r->reply.payload_bytes, got);
}

#define SIZES "vfio-user, message sizes: "

const struct check_case check_info_cases[] = {
	CHECK_CASE("info.device",
		   SIZES "the reply to GET_INFO has 16 bytes, and says "
			 "so",
		   CHECK_MUST, CHECK_NEEDS_USER, run_device),
	CHECK_CASE(
		"info.regions",
		"vfio-user, GET_REGION_INFO: the size of the reply, capabilities "
		"within it, a descriptor for what may be mapped",
		CHECK_MUST, CHECK_NEEDS_USER, run_regions),
	CHECK_CASE("info.small-room",
		   SIZES "a reply is not larger than argsz of the request",
		   CHECK_MUST, CHECK_NEEDS_USER, run_small_room),
	CHECK_CASE("info.irqs", SIZES "the reply to GET_IRQ_INFO has 16 bytes",
		   CHECK_MUST, CHECK_NEEDS_USER, run_irqs),
	CHECK_CASE(
		"info.probe",
		"linux/vfio.h, VFIO_DEVICE_FEATURE_PROBE: succeeds for what is "
		"supported only",
		CHECK_SHOULD, CHECK_NEEDS_MIGRATION | CHECK_NEEDS_V2,
		run_probe),
	CHECK_CASE(
		"info.data-reply",
		"vfio-user, MIG_DATA_READ: the reply has as many bytes as it says "
		"(deployed servers send those that were asked for)",
		CHECK_DIFFERS,
		CHECK_NEEDS_USER | CHECK_NEEDS_MIGRATION | CHECK_NEEDS_V2 |
			CHECK_DESTRUCTIVE,
		run_data_reply),
};
const size_t check_info_nr =
	sizeof(check_info_cases) / sizeof(check_info_cases[0]);
