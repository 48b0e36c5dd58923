/* SPDX-License-Identifier: MIT */
/* The form of a saved state: whatever is wrong with it is refused by name. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit/random.h"
#include "unit/unit.h"
#include "vmm/compat.h"
#include "vmm/serial.h"
#include "vmm/state.h"
#include "vmm/state_format.h"

#define NR_VCPUS 2u
/* The last two are not in version 1. */
#define NR_OLD_SECTIONS (NR_VCPUS * STATE_NR_VCPU_IDS + STATE_NR_CHIPS + 3)
#define NR_SECTIONS (NR_OLD_SECTIONS + 2)

/* What a builder does to one section; NR_SECTIONS = none. */
enum what { KEEP, DROP, DOUBLE, LONGER, SHORTER };

static size_t size_of(uint32_t id)
{
	static const size_t size[STATE_NR_IDS] = {
		[STATE_CPUID] = 2 * sizeof(struct kvm_cpuid_entry2),
		[STATE_MP_STATE] = sizeof(struct kvm_mp_state),
		[STATE_EVENTS] = sizeof(struct kvm_vcpu_events),
		[STATE_REGS] = sizeof(struct kvm_regs),
		[STATE_SREGS2] = sizeof(struct kvm_sregs2),
		[STATE_XCRS] = sizeof(struct kvm_xcrs),
		[STATE_XSAVE] = sizeof(struct kvm_xsave),
		[STATE_DEBUGREGS] = sizeof(struct kvm_debugregs),
		[STATE_LAPIC] = sizeof(struct kvm_lapic_state),
		[STATE_MSRS] = 3 * sizeof(struct kvm_msr_entry),
		[STATE_TSC] = sizeof(struct state_tsc),
		[STATE_CLOCK] = sizeof(struct state_clock),
		[STATE_IRQCHIP] = sizeof(struct kvm_irqchip),
		[STATE_PIT2] = sizeof(struct kvm_pit_state2),
		[STATE_SERIAL] = sizeof(struct serial_state),
		[STATE_PCI] = sizeof(struct state_pci),
		[STATE_DEVICE] = sizeof(struct state_device) + 10,
	};

	return size[id];
}

/* Section @n of a whole state. */
static void section(size_t n, enum state_id *id, uint32_t *index)
{
	static const enum state_id rest[] = { STATE_CLOCK,   STATE_IRQCHIP,
					      STATE_IRQCHIP, STATE_IRQCHIP,
					      STATE_PIT2,    STATE_SERIAL,
					      STATE_PCI,     STATE_DEVICE };
	static const uint32_t rest_index[] = { 0, 0, 1, 2, 0, 0, 0, 0 };

	if (n < NR_VCPUS * STATE_NR_VCPU_IDS) {
		*id = (enum state_id)(n % STATE_NR_VCPU_IDS);
		*index = (uint32_t)(n / STATE_NR_VCPU_IDS);
		return;
	}
	n -= NR_VCPUS * STATE_NR_VCPU_IDS;
	*id = rest[n];
	*index = rest_index[n];
}

/* All bytes are @fill, but for the number of devices. */
static const uint8_t *payload_of(enum state_id id, uint8_t fill)
{
	static uint8_t payload[8192];
	const struct state_pci pci = { .address = fill, .nr_devices = 1 };

	memset(payload, fill, sizeof(payload));
	if (id == STATE_PCI)
		memcpy(payload, &pci, sizeof(pci));
	return payload;
}

static struct buf build(size_t which, enum what what, uint8_t fill)
{
	struct buf b = BUF_INIT;
	size_t n, bytes;

	assert_int_equal(state_begin(&b, NR_VCPUS), 0);
	for (n = 0; n < NR_SECTIONS; n++) {
		enum what now = n == which ? what : KEEP;
		enum state_id id;
		uint32_t index;

		section(n, &id, &index);
		bytes = size_of(id) + (now == LONGER) - (now == SHORTER);
		if (now != DROP)
			state_append(&b, id, index, payload_of(id, fill),
				     bytes);
		if (now == DOUBLE)
			state_append(&b, id, index, payload_of(id, fill),
				     bytes);
	}
	state_finish(&b, 0);
	return b;
}

/* Parses a copy of just that size, whose end ASan guards. */
static int parse(const void *data, size_t bytes, struct error *err)
{
	struct state_view *view = malloc(sizeof(*view));
	uint8_t *copy = malloc(bytes + !bytes);
	int rc;

	assert_non_null(view);
	assert_non_null(copy);
	memcpy(copy, data, bytes);
	rc = state_parse(copy, bytes, view, err);
	free(copy);
	free(view);
	return rc;
}

static void test_whole(void **state)
{
	struct buf b = build(NR_SECTIONS, KEEP, 1);

	assert_int_equal(parse(b.data, b.bytes, NULL), 0);
	buf_exit(&b);
}

static void test_each_section(void **state)
{
	static const struct {
		enum what what;
		const char *word;
	} wrong[] = {
		{ DROP, "lacks section" },
		{ DOUBLE, "twice" },
		{ LONGER, "wrong size" },
		{ SHORTER, "wrong size" },
	};
	size_t n, i;

	for (n = 0; n < NR_SECTIONS; n++) {
		for (i = 0; i < ARRAY_LEN(wrong); i++) {
			struct buf b = build(n, wrong[i].what, 1);
			struct error err = { "" };
			enum state_id id;
			uint32_t index;

			section(n, &id, &index);
			/* Only the device knows what size is right. */
			if (id == STATE_DEVICE && i > 1) {
				buf_exit(&b);
				continue;
			}
			assert_int_equal(parse(b.data, b.bytes, &err), -EPROTO);
			if (!strstr(err.text, state_name(id)) ||
			    !strstr(err.text, wrong[i].word))
				fail_msg("%s of %u, %s: '%s'", state_name(id),
					 index, wrong[i].word, err.text);
			buf_exit(&b);
		}
	}
}

static void test_truncated(void **state)
{
	struct buf b = build(NR_SECTIONS, KEEP, 1);
	struct state_header h;
	size_t n;

	for (n = 0; n < b.bytes; n += n < 64 ? 1 : 13) {
		struct error err = { "" };

		assert_int_equal(parse(b.data, n, &err), -EPROTO);
		assert_true(err.text[0]);
		if (n < sizeof(h))
			continue;
		/* And with a header that says so. */
		memcpy(&h, b.data, sizeof(h));
		h.bytes = n;
		memcpy(b.data, &h, sizeof(h));
		assert_int_equal(parse(b.data, n, NULL), -EPROTO);
		h.bytes = b.bytes;
		memcpy(b.data, &h, sizeof(h));
	}
	assert_int_equal(parse(b.data, b.bytes, NULL), 0);
	buf_exit(&b);
}

/* Every bit counts: one that is flipped anywhere is noticed. */
static void test_flipped_bits(void **state)
{
	struct buf b = build(NR_SECTIONS, KEEP, 1);
	struct state_view *view = malloc(sizeof(*view));
	struct rng rng = { 7 };
	size_t n, bit;

	/* All of the headers, a sample of the payloads. */
	for (n = 0; n < 6000; n++) {
		bit = n < sizeof(struct state_header) * 8 + 192
			      ? n
			      : rng_below(&rng, b.bytes * 8);
		b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (!state_parse(b.data, b.bytes, view, NULL))
			fail_msg("bit %zu went unnoticed", bit);
		b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	free(view);
	buf_exit(&b);
}

static void test_lying_heads(void **state)
{
	static const struct {
		uint32_t id, index, bytes;
		const char *word;
	} c[] = {
		{ STATE_NR_IDS, 0, 8, "unknown" },
		{ UINT32_MAX, 0, 8, "unknown" },
		{ STATE_REGS, NR_VCPUS, 144, "not there" },
		{ STATE_REGS, UINT32_MAX, 144, "not there" },
		{ STATE_IRQCHIP, 3, 520, "not there" },
		{ STATE_SERIAL, 1, 8, "not there" },
		{ STATE_REGS, 0, UINT32_MAX, "wrong size" },
		{ STATE_MSRS, 0, UINT32_MAX, "wrong size" },
		{ STATE_MSRS, 0, 1u << 16, "cut within section MSRS" },
		{ STATE_XSAVE, 0, 1u << 20, "cut within section XSAVE" },
		{ STATE_CPUID, 0, 257 * 40, "wrong size" },
		{ STATE_CPUID, 0, 41, "wrong size" },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(c); i++) {
		struct buf b = BUF_INIT;
		struct error err = { "" };
		struct state_header h = {
			.version = STATE_VERSION,
			.nr_vcpus = NR_VCPUS,
			.nr_sections = 1,
			.bytes = sizeof(h) + sizeof(struct state_section) + 16,
		};
		struct state_section s = { .id = c[i].id,
					   .index = c[i].index,
					   .bytes = c[i].bytes };

		memcpy(h.magic, STATE_MAGIC, 8);
		buf_append(&b, &h, sizeof(h));
		buf_append(&b, &s, sizeof(s));
		buf_append(&b, NULL, 16);
		assert_int_equal(parse(b.data, b.bytes, &err), -EPROTO);
		if (!strstr(err.text, c[i].word))
			fail_msg("case %zu: '%s'", i, err.text);
		buf_exit(&b);
	}
}

static void set_version(struct buf *b, uint32_t version)
{
	struct state_header h;

	memcpy(&h, b->data, sizeof(h));
	h.version = version;
	memcpy(b->data, &h, sizeof(h));
}

/* What was written before there was PCI is read; what will be is not. */
static void test_versions(void **state)
{
	struct error err = { "" };
	struct buf b = build(NR_SECTIONS, KEEP, 1);
	enum state_id id;
	uint32_t index;
	size_t n;

	set_version(&b, STATE_VERSION + 1);
	assert_int_equal(parse(b.data, b.bytes, &err), -EPROTO);
	assert_non_null(strstr(err.text, "has version 3"));
	set_version(&b, STATE_VERSION_NO_PCI);
	err.text[0] = '\0';
	assert_int_equal(parse(b.data, b.bytes, &err), -EPROTO);
	assert_non_null(strstr(err.text, "section PCI"));
	b.bytes = 0;
	assert_int_equal(state_begin(&b, NR_VCPUS), 0);
	for (n = 0; n < NR_OLD_SECTIONS; n++) {
		section(n, &id, &index);
		state_append(&b, id, index, payload_of(id, 1), size_of(id));
	}
	state_finish(&b, 0);
	assert_int_equal(parse(b.data, b.bytes, NULL), -EPROTO);
	set_version(&b, STATE_VERSION_NO_PCI);
	assert_int_equal(parse(b.data, b.bytes, NULL), 0);
	buf_exit(&b);
}

/* More devices than the bus says, and fewer. */
static void test_devices(void **state)
{
	struct state_pci pci = { .nr_devices = 2 };
	struct error err = { "" };
	struct buf b = BUF_INIT;
	enum state_id id;
	uint32_t index, nr;
	size_t n;

	for (nr = 0; nr < 4; nr++) {
		b.bytes = 0;
		err.text[0] = '\0';
		pci.nr_devices = nr < 3 ? nr : UINT32_MAX;
		state_begin(&b, NR_VCPUS);
		for (n = 0; n < NR_SECTIONS; n++) {
			section(n, &id, &index);
			state_append(&b, id, index,
				     id == STATE_PCI ? (void *)&pci
						     : payload_of(id, 1),
				     size_of(id));
		}
		state_finish(&b, 0);
		assert_int_equal(parse(b.data, b.bytes, &err),
				 nr == 1 ? 0 : -EPROTO);
		assert_true(nr == 1 || strstr(err.text, "DEVICE") ||
			    strstr(err.text, "claims"));
	}
	buf_exit(&b);
}

struct told {
	unsigned int nr, nr_clock, nr_rax;
};

static void on_value(void *ctx, int vcpu, const char *name,
		     enum vm_value_kind kind, const void *value, size_t bytes)
{
	struct told *t = ctx;

	assert_non_null(value);
	assert_true(bytes > 0);
	assert_true(vcpu >= -1 && vcpu < (int)NR_VCPUS);
	t->nr++;
	t->nr_clock += kind == VM_VALUE_CLOCK;
	t->nr_rax += !strcmp(name, "rax");
}

static void test_describe(void **state)
{
	struct buf b = build(NR_SECTIONS, KEEP, 1);
	struct told t = { 0 };

	assert_int_equal(vm_state_describe(b.data, b.bytes, on_value, &t, NULL),
			 0);
	assert_int_equal(t.nr_rax, NR_VCPUS);
	assert_true(t.nr > 200);
	assert_true(t.nr_clock >= NR_VCPUS * 3);
	assert_int_equal(
		vm_state_describe(b.data, b.bytes - 8, on_value, &t, NULL),
		-EPROTO);
	buf_exit(&b);
}

struct difference {
	unsigned int nr;
	char name[48];
	int vcpu;
};

static void on_difference(void *ctx, int vcpu, const char *name, const void *a,
			  size_t a_bytes, const void *b, size_t b_bytes)
{
	struct difference *d = ctx;

	d->nr++;
	d->vcpu = vcpu;
	strncpy(d->name, name, sizeof(d->name) - 1);
}

static void test_compare(void **state)
{
	struct buf a = build(NR_SECTIONS, KEEP, 1), b = BUF_INIT;
	struct difference d = { 0 };
	unsigned int compared = 0;
	struct kvm_regs regs;
	enum state_id id;
	uint32_t index;
	size_t n;

	assert_int_equal(vm_state_compare(a.data, a.bytes, a.data, a.bytes,
					  on_difference, &d, &compared),
			 0);
	assert_int_equal(d.nr, 0);
	assert_true(compared > 200);
	/* r13 of vCPU 1, one bit. */
	memset(&regs, 1, sizeof(regs));
	regs.r13 ^= 1ull << 63;
	state_begin(&b, NR_VCPUS);
	for (n = 0; n < NR_SECTIONS; n++) {
		const void *payload;

		section(n, &id, &index);
		payload = payload_of(id, 1);
		if (id == STATE_REGS && index == 1)
			payload = &regs;
		state_append(&b, id, index, payload, size_of(id));
	}
	state_finish(&b, 0);
	assert_int_equal(vm_state_compare(a.data, a.bytes, b.data, b.bytes,
					  on_difference, &d, &compared),
			 1);
	assert_string_equal(d.name, "r13");
	assert_int_equal(d.vcpu, 1);
	assert_int_equal(vm_state_compare(a.data, a.bytes, b.data, 7, NULL,
					  NULL, &compared),
			 -EPROTO);
	buf_exit(&a);
	buf_exit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_section),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_flipped_bits),
		cmocka_unit_test(test_lying_heads),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_compare),
	};

	return cmocka_run_group_tests_name("vmm/state", tests, NULL, NULL);
}
