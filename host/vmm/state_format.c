/* SPDX-License-Identifier: MIT */
/* Sections: writing, checking, finding. */
#include "vmm/state_format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "vmm/compat.h"
#include "vmm/hyperv_state.h"
#include "vmm/serial.h"

/* @unit: 0 = exactly @min bytes, else a multiple of it, @min to @max. */
static const struct {
	const char *name;
	uint32_t min, max, unit;
} kind[STATE_NR_IDS] = {
	[STATE_CPUID] = { "CPUID", 0, 256 * sizeof(struct kvm_cpuid_entry2),
			  sizeof(struct kvm_cpuid_entry2) },
	[STATE_MP_STATE] = { "MP_STATE", sizeof(struct kvm_mp_state), 0, 0 },
	[STATE_EVENTS] = { "VCPU_EVENTS", sizeof(struct kvm_vcpu_events), 0,
			   0 },
	[STATE_REGS] = { "REGS", sizeof(struct kvm_regs), 0, 0 },
	[STATE_SREGS2] = { "SREGS2", sizeof(struct kvm_sregs2), 0, 0 },
	[STATE_XCRS] = { "XCRS", sizeof(struct kvm_xcrs), 0, 0 },
	/* AMX makes it 11 KiB; no CPU comes near 1 MiB. */
	[STATE_XSAVE] = { "XSAVE", sizeof(struct kvm_xsave), 1u << 20, 4 },
	[STATE_DEBUGREGS] = { "DEBUGREGS", sizeof(struct kvm_debugregs), 0, 0 },
	[STATE_LAPIC] = { "LAPIC", sizeof(struct kvm_lapic_state), 0, 0 },
	[STATE_MSRS] = { "MSRS", 0, 1u << 16, sizeof(struct kvm_msr_entry) },
	[STATE_TSC] = { "TSC", sizeof(struct state_tsc), 0, 0 },
	[STATE_CLOCK] = { "CLOCK", sizeof(struct state_clock), 0, 0 },
	[STATE_IRQCHIP] = { "IRQCHIP", sizeof(struct kvm_irqchip), 0, 0 },
	[STATE_PIT2] = { "PIT2", sizeof(struct kvm_pit_state2), 0, 0 },
	[STATE_SERIAL] = { "SERIAL", sizeof(struct serial_state), 0, 0 },
	[STATE_PCI] = { "PCI", sizeof(struct state_pci), 0, 0 },
	[STATE_DEVICE] = { "DEVICE", sizeof(struct state_device), 1u << 20, 1 },
	[STATE_NESTED] = { "NESTED", NESTED_MIN_BYTES, NESTED_MAX_BYTES,
			   NESTED_MIN_BYTES },
	[STATE_HYPERV] = { "HYPERV", 8, HV_STATE_MAX_BYTES, 1 },
};

const char *state_name(uint32_t id)
{
	return id < STATE_NR_IDS ? kind[id].name : "?";
}

/* FNV-1a, 64 bits: finds bad wiring, not attackers. */
static uint64_t fnv(uint64_t hash, const void *data, size_t bytes)
{
	const uint8_t *p = data;

	while (bytes--)
		hash = (hash ^ *p++) * 0x100000001b3ull;
	return hash;
}

static uint64_t section_check(const struct state_section *s, const void *data)
{
	uint64_t hash = fnv(0xcbf29ce484222325ull, s,
			    offsetof(struct state_section, check));

	return fnv(hash, data, s->bytes);
}

static size_t padding(uint32_t bytes)
{
	return (8 - bytes % 8) % 8;
}

int state_begin(struct buf *state, uint32_t nr_vcpus)
{
	struct state_header h = {
		.version = STATE_VERSION,
		.nr_vcpus = nr_vcpus,
	};

	memcpy(h.magic, STATE_MAGIC, sizeof(h.magic));
	return buf_append(state, &h, sizeof(h));
}

int state_append(struct buf *state, enum state_id id, uint32_t index,
		 const void *data, size_t bytes)
{
	struct state_section s = {
		.id = id,
		.index = index,
		.bytes = (uint32_t)bytes,
	};
	int rc;

	s.check = section_check(&s, data);
	rc = buf_append(state, &s, sizeof(s));
	if (!rc)
		rc = buf_append(state, data, bytes);
	return rc ? rc : buf_append(state, NULL, padding(s.bytes));
}

void state_finish(struct buf *state, size_t start)
{
	struct state_header h;
	size_t at = start + sizeof(h);

	memcpy(&h, state->data + start, sizeof(h));
	h.bytes = state->bytes - start;
	while (at < state->bytes) {
		struct state_section s;

		memcpy(&s, state->data + at, sizeof(s));
		at += sizeof(s) + s.bytes + padding(s.bytes);
		h.nr_sections++;
	}
	memcpy(state->data + start, &h, sizeof(h));
}

/* Where a section belongs; NULL if nowhere. */
static struct state_part *slot(struct state_view *view,
			       const struct state_section *s)
{
	if (s->id < STATE_NR_VCPU_IDS)
		return s->index < view->nr_vcpus ? &view->vcpu[s->index][s->id]
						 : NULL;
	if (s->id == STATE_IRQCHIP)
		return s->index < STATE_NR_CHIPS ? &view->chip[s->index] : NULL;
	if (s->id >= STATE_PCI && view->version == STATE_VERSION_NO_PCI)
		return NULL;
	if (s->id == STATE_NESTED)
		return s->index < view->nr_vcpus ? &view->nested[s->index]
						 : NULL;
	if (s->id == STATE_DEVICE)
		return s->index < VM_MAX_DEVICES ? &view->device[s->index]
						 : NULL;
	if (s->index)
		return NULL;
	switch (s->id) {
	case STATE_CLOCK:
		return &view->clock;
	case STATE_PIT2:
		return &view->pit;
	case STATE_SERIAL:
		return &view->serial;
	case STATE_HYPERV:
		return &view->hyperv;
	default:
		return &view->pci;
	}
}

static bool size_ok(const struct state_section *s)
{
	if (!kind[s->id].unit)
		return s->bytes == kind[s->id].min;
	return s->bytes >= kind[s->id].min && s->bytes <= kind[s->id].max &&
	       !(s->bytes % kind[s->id].unit);
}

static int take_section(struct reader *r, struct state_view *view,
			struct error *err)
{
	static const uint8_t zeros[8];
	struct state_section s;
	struct state_part *part;
	const uint8_t *data, *pad;

	if (reader_get(r, &s, sizeof(s)))
		return error_set(err, -EPROTO,
				 "the machine state is cut within the head of "
				 "a section");
	if (s.id >= STATE_NR_IDS)
		return error_set(err, -EPROTO,
				 "the machine state has an unknown section %u",
				 s.id);
	part = slot(view, &s);
	if (!part || s.reserved)
		return error_set(err, -EPROTO,
				 "the machine state has a section %s for %u, "
				 "which is not there",
				 state_name(s.id), s.index);
	if (part->data)
		return error_set(err, -EPROTO,
				 "the machine state has section %s of %u twice",
				 state_name(s.id), s.index);
	if (!size_ok(&s))
		return error_set(err, -EPROTO,
				 "the machine state's section %s of %u has a "
				 "wrong size of %u bytes",
				 state_name(s.id), s.index, s.bytes);
	data = reader_skip(r, s.bytes);
	pad = data ? reader_skip(r, padding(s.bytes)) : NULL;
	if (!pad)
		return error_set(err, -EPROTO,
				 "the machine state is cut within section %s "
				 "of %u",
				 state_name(s.id), s.index);
	if (memcmp(pad, zeros, padding(s.bytes)) ||
	    section_check(&s, data) != s.check)
		return error_set(err, -EPROTO,
				 "the machine state's section %s of %u is "
				 "damaged",
				 state_name(s.id), s.index);
	*part = (struct state_part){ data, s.bytes };
	return 0;
}

static int missing(const struct state_part *part, uint32_t id, uint32_t index,
		   struct error *err)
{
	if (part->data)
		return 0;
	return error_set(err, -EPROTO,
			 "the machine state lacks section %s of %u",
			 state_name(id), index);
}

/* As many as the bus says, from the first one on. */
static int check_devices(const struct state_view *view, struct error *err)
{
	struct state_pci pci;
	uint32_t i;
	int rc = missing(&view->pci, STATE_PCI, 0, err);

	if (rc)
		return rc;
	memcpy(&pci, view->pci.data, sizeof(pci));
	if (pci.nr_devices > VM_MAX_DEVICES)
		return error_set(err, -EPROTO,
				 "the machine state's section PCI claims %u "
				 "devices",
				 pci.nr_devices);
	for (i = 0; !rc && i < pci.nr_devices; i++)
		rc = missing(&view->device[i], STATE_DEVICE, i, err);
	for (; !rc && i < VM_MAX_DEVICES; i++)
		if (view->device[i].data)
			rc = error_set(err, -EPROTO,
				       "the machine state has a section DEVICE "
				       "for %u; section PCI says there are %u",
				       i, pci.nr_devices);
	return rc;
}

static int check_complete(const struct state_view *view, struct error *err)
{
	uint32_t i, id;
	int rc = missing(&view->clock, STATE_CLOCK, 0, err);

	if (!rc)
		rc = missing(&view->pit, STATE_PIT2, 0, err);
	if (!rc)
		rc = missing(&view->serial, STATE_SERIAL, 0, err);
	for (i = 0; !rc && i < STATE_NR_CHIPS; i++)
		rc = missing(&view->chip[i], STATE_IRQCHIP, i, err);
	for (i = 0; !rc && i < view->nr_vcpus; i++)
		for (id = 0; !rc && id < STATE_NR_VCPU_IDS; id++)
			rc = missing(&view->vcpu[i][id], id, i, err);
	if (!rc && view->version != STATE_VERSION_NO_PCI)
		rc = check_devices(view, err);
	return rc;
}

static int check_header(const struct state_header *h, size_t bytes,
			struct error *err)
{
	if (memcmp(h->magic, STATE_MAGIC, sizeof(h->magic)))
		return error_set(err, -EPROTO,
				 "these bytes are not a machine's state");
	if (h->version < STATE_VERSION_NO_PCI || h->version > STATE_VERSION)
		return error_set(err, -EPROTO,
				 "the machine state has version %u; this "
				 "vmferry reads %u to %u",
				 h->version, STATE_VERSION_NO_PCI,
				 STATE_VERSION);
	if (!h->nr_vcpus || h->nr_vcpus > VM_MAX_VCPUS || h->reserved)
		return error_set(err, -EPROTO,
				 "the machine state claims %u vCPUs",
				 h->nr_vcpus);
	if (h->bytes != bytes)
		return error_set(err, -EPROTO,
				 "the machine state has %zu bytes and claims "
				 "%" PRIu64,
				 bytes, h->bytes);
	return 0;
}

int state_parse(const uint8_t *data, size_t bytes, struct state_view *ret_view,
		struct error *err)
{
	struct reader r = { data, bytes };
	struct state_header h;
	uint32_t i;
	int rc;

	if (reader_get(&r, &h, sizeof(h)))
		return error_set(err, -EPROTO,
				 "the machine state is cut within its header");
	rc = check_header(&h, bytes, err);
	if (rc)
		return rc;
	memset(ret_view, 0, sizeof(*ret_view));
	ret_view->version = h.version;
	ret_view->nr_vcpus = h.nr_vcpus;
	for (i = 0; !rc && i < h.nr_sections; i++)
		rc = take_section(&r, ret_view, err);
	if (!rc)
		rc = check_complete(ret_view, err);
	if (!rc && r.left)
		rc = error_set(err, -EPROTO,
			       "the machine state has %zu bytes behind its "
			       "last section",
			       r.left);
	return rc;
}
