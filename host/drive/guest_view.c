/* SPDX-License-Identifier: MIT */
/* Snapshots of a guest's control area; every field is hostile until checked. */
#include "drive/guest_view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "classify.h"
#include "drive/guest_account.h"

#define TSC_HZ_MIN 1000000ull
#define TSC_HZ_MAX 100000000000ull

static int check_header(const struct abi_control *c, uint64_t bytes,
			struct error *err)
{
	if (c->magic != ABI_CONTROL_MAGIC)
		return error_set(err, -EPROTO,
				 "the control area has no magic number");
	if (c->version != ABI_VERSION)
		return error_set(err, -EPROTO,
				 "the guest's control area has version %u, "
				 "this vmferry knows version %u",
				 c->version, ABI_VERSION);
	if (c->header_bytes != sizeof(*c))
		return error_set(err, -EPROTO,
				 "the control area's header has %u bytes "
				 "instead of %zu",
				 c->header_bytes, sizeof(*c));
	if (c->bytes > bytes)
		return error_set(err, -EPROTO,
				 "the control area claims %llu bytes, its "
				 "announcement %llu",
				 (unsigned long long)c->bytes,
				 (unsigned long long)bytes);
	if (c->state > ABI_STATE_OFF)
		return error_set(err, -EPROTO,
				 "the guest claims to be in state %u",
				 c->state);
	if (c->state == ABI_STATE_BOOTING)
		return error_set(err, -EAGAIN, "the guest is still booting");
	if (!c->nr_vcpus || c->nr_vcpus > ABI_MAX_VCPUS)
		return error_set(err, -EPROTO, "the guest claims %u vCPUs",
				 c->nr_vcpus);
	if (c->nr_dma > ABI_MAX_DMA || guest_view_workers(c) > ABI_MAX_VCPUS)
		return error_set(err, -EPROTO,
				 "the guest claims %u DMA engines", c->nr_dma);
	if (c->tsc_hz < TSC_HZ_MIN || c->tsc_hz > TSC_HZ_MAX)
		return error_set(err, -EPROTO,
				 "the guest claims a TSC of %llu Hz",
				 (unsigned long long)c->tsc_hz);
	return 0;
}

struct part {
	const char *name;
	uint64_t offset;
	uint64_t bytes;
};

/* Each part inside the area, 8-aligned, none over another. */
static int check_parts(const struct abi_control *c, struct error *err)
{
	const struct part part[] = {
		{ "header", 0, sizeof(*c) },
		{ "counters", c->vcpu_offset,
		  (uint64_t)guest_view_workers(c) * sizeof(struct abi_vcpu) },
		{ "bad logs", c->bad_offset,
		  (uint64_t)c->nr_vcpus * sizeof(struct abi_bad_log) },
		{ "stall logs", c->stall_offset,
		  (uint64_t)c->nr_vcpus * sizeof(struct abi_stall) },
		{ "logs of orders", c->log_offset,
		  (uint64_t)guest_view_workers(c) * sizeof(struct oracle_log) },
		{ "heartbeat", c->beat_offset, sizeof(struct abi_beat_log) },
		{ "device queues", c->queue_offset, 0 },
		{ "DMA counters", c->dma_offset, 0 },
		{ "L2 counters", c->l2_offset, 0 },
	};
	size_t i, j;

	for (i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		const struct part *p = &part[i];

		if (p->offset % 8 || p->offset > c->bytes ||
		    p->bytes > c->bytes - p->offset)
			return error_set(err, -EPROTO,
					 "the control area's %s are out of "
					 "its bounds",
					 p->name);
		for (j = 0; j < i; j++)
			if (p->offset < part[j].offset + part[j].bytes &&
			    part[j].offset < p->offset + p->bytes)
				return error_set(err, -EPROTO,
						 "the control area's %s lie "
						 "over its %s",
						 p->name, part[j].name);
	}
	return 0;
}

static int check_epoch(struct guest_view *view, struct error *err)
{
	static const struct oracle none;
	const struct oracle *o = &view->control.epoch;

	view->has_epoch = memcmp(o, &none, sizeof(none)) != 0;
	if (!view->has_epoch)
		return 0;
	if (!oracle_valid(o))
		return error_set(err, -EPROTO,
				 "the guest's epoch has a field out of range");
	if (o->nr_vcpus > guest_view_workers(&view->control))
		return error_set(err, -EPROTO,
				 "the guest's epoch has %u vCPUs, the guest %u",
				 o->nr_vcpus,
				 guest_view_workers(&view->control));
	return 0;
}

static int check_counters(const struct guest_view *view, struct error *err)
{
	uint32_t i;

	for (i = 0; i < guest_view_workers(&view->control); i++) {
		const struct abi_vcpu *v = &view->vcpu[i];

		if (v->steps >> ORACLE_VISIT_BITS)
			return error_set(err, -EPROTO,
					 "vCPU %u claims %llu steps", i,
					 (unsigned long long)v->steps);
		if (v->phase > ABI_VCPU_VERIFY)
			return error_set(err, -EPROTO,
					 "vCPU %u claims to be in phase %u", i,
					 v->phase);
		if (v->steps &&
		    (!view->has_epoch || i >= view->control.epoch.nr_vcpus ||
		     !oracle_slice(&view->control.epoch, i).nr_pages))
			return error_set(err, -EPROTO,
					 "vCPU %u claims %llu steps, but has "
					 "no pages to write",
					 i, (unsigned long long)v->steps);
	}
	return 0;
}

static int check_logs(const struct guest_view *view, struct error *err)
{
	const struct oracle *o = &view->control.epoch;
	uint32_t i;

	/* They are being emptied. */
	if (!view->has_epoch || view->control.state == ABI_STATE_FILLING)
		return 0;
	for (i = 0; i < o->nr_vcpus; i++)
		if (!oracle_log_valid(o, i, &view->log[i], view->vcpu[i].steps))
			return error_set(
				err, -EPROTO,
				"vCPU %u's log of changed orders makes "
				"no sense",
				i);
	return 0;
}

static bool is_malformed(const struct abi_bad *b)
{
	return b->gfn >> ORACLE_GFN_BITS || b->kind == ORACLE_OK ||
	       b->kind >= ORACLE_NR_CLASSES || b->found_by < ABI_FOUND_INLINE ||
	       b->found_by > ABI_FOUND_VERIFY ||
	       b->first_offset >= ABI_PAGE_BYTES || !b->nr_bytes ||
	       b->nr_bytes > ABI_PAGE_BYTES - b->first_offset;
}

static int check_bad_logs(const struct guest_view *view, struct error *err)
{
	uint32_t i, j;

	for (i = 0; i < view->control.nr_vcpus; i++) {
		const struct abi_bad_log *log = &view->bad[i];

		for (j = 0; j < ABI_BAD_ENTRIES && j < log->nr; j++)
			if (is_malformed(&log->entry[j]))
				return error_set(err, -EPROTO,
						 "entry %u of vCPU %u's log "
						 "of bad pages is malformed",
						 j, i);
	}
	return 0;
}

static int check_stalls(const struct guest_view *view, struct error *err)
{
	uint32_t i, j;

	for (i = 0; i < view->control.nr_vcpus; i++) {
		const struct abi_stall *s = &view->stall[i];

		for (j = 0; j < ABI_STALL_GAPS; j++)
			if (s->gap[j].step &&
			    s->gap[j].end_tsc < s->gap[j].start_tsc)
				return error_set(err, -EPROTO,
						 "gap %u of vCPU %u ends "
						 "before it begins",
						 j, i);
	}
	return 0;
}

/* The area's sequence number, by itself. */
static int read_seq(const struct ram *ram, const struct guest_view *view,
		    uint64_t *ret_seq)
{
	return ram_read(ram,
			view->gpa + offsetof(struct abi_control, epoch_seq),
			ret_seq, sizeof(*ret_seq));
}

/* Copies the area between two looks at the sequence number, so that an epoch
 * that is rewritten meanwhile shows. */
static int read_area(const struct ram *ram, struct guest_view *view,
		     struct error *err)
{
	struct abi_control *c = &view->control;
	uint64_t before = 0, after = 0;
	int r = read_seq(ram, view, &before);

	if (!r)
		r = ram_read(ram, view->gpa, view->area, view->bytes);
	if (!r)
		r = read_seq(ram, view, &after);
	if (r)
		return error_set(err, r,
				 "cannot read the guest's control area at "
				 "0x%llx: %s",
				 (unsigned long long)view->gpa, strerror(-r));
	memcpy(c, view->area, sizeof(*c));
	r = check_header(c, view->bytes, err);
	if (r)
		return r;
	if (c->epoch_seq % 2 || c->epoch_seq != before || c->epoch_seq != after)
		return error_set(err, -EAGAIN,
				 "the guest is rewriting its epoch");
	return check_parts(c, err);
}

static int check_view(struct guest_view *view, struct error *err)
{
	const struct abi_control *c = &view->control;
	uint8_t *area = view->area;
	int r;

	memcpy(view->vcpu, area + c->vcpu_offset,
	       guest_view_workers(c) * sizeof(view->vcpu[0]));
	view->bad = (const void *)(area + c->bad_offset);
	view->stall = (const void *)(area + c->stall_offset);
	view->log = (const void *)(area + c->log_offset);
	r = check_epoch(view, err);
	if (!r)
		r = guest_account_check(view, err);
	if (!r)
		r = check_counters(view, err);
	if (!r)
		r = check_logs(view, err);
	if (!r)
		r = check_bad_logs(view, err);
	return r ? r : check_stalls(view, err);
}

int guest_view_read(const struct ram *ram, uint64_t gpa, uint64_t bytes,
		    struct guest_view *ret_view, struct error *err)
{
	struct guest_view *view = ret_view;
	int r;

	*view = (struct guest_view){ .gpa = gpa, .bytes = bytes };
	if ((gpa | bytes) % ABI_PAGE_BYTES ||
	    bytes < sizeof(struct abi_control) ||
	    bytes > GUEST_VIEW_MAX_BYTES || gpa > UINT64_MAX - bytes)
		return error_set(err, -EPROTO,
				 "the guest announced a control area of %llu "
				 "bytes at 0x%llx",
				 (unsigned long long)bytes,
				 (unsigned long long)gpa);
	view->area = malloc(bytes);
	if (!view->area)
		return error_set(err, -ENOMEM, "out of memory");
	r = read_area(ram, view, err);
	if (!r)
		r = check_view(view, err);
	if (r)
		guest_view_exit(view);
	return r;
}

void guest_view_exit(struct guest_view *view)
{
	free(view->area);
	view->area = NULL;
}

uint64_t guest_view_steps(const struct guest_view *view)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < view->control.nr_vcpus; i++)
		sum += view->vcpu[i].steps;
	return sum;
}

uint64_t guest_view_ticks_to_ns(const struct guest_view *view, uint64_t ticks)
{
	unsigned __int128 ns =
		(unsigned __int128)ticks * 1000000000u / view->control.tsc_hz;

	return ns > UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}
