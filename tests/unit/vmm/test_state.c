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
#include "state_builder.h"
#include "vmm/state_format.h"

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
	struct buf b = state_build(NR_SECTIONS, KEEP, 1);

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
			struct buf b = state_build(n, wrong[i].what, 1);
			struct error err = { "" };
			enum state_id id;
			uint32_t index;

			state_section(n, &id, &index);
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
	struct buf b = state_build(NR_SECTIONS, KEEP, 1);
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
	struct buf b = state_build(NR_SECTIONS, KEEP, 1);
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
	struct buf b = state_build(NR_SECTIONS, KEEP, 1);
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
		state_section(n, &id, &index);
		state_append(&b, id, index, state_payload(id, 1),
			     state_size_of(id));
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
			state_section(n, &id, &index);
			state_append(&b, id, index,
				     id == STATE_PCI ? (void *)&pci
						     : state_payload(id, 1),
				     state_size_of(id));
		}
		state_finish(&b, 0);
		assert_int_equal(parse(b.data, b.bytes, &err),
				 nr == 1 ? 0 : -EPROTO);
		assert_true(nr == 1 || strstr(err.text, "DEVICE") ||
			    strstr(err.text, "claims"));
	}
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
	};

	return cmocka_run_group_tests_name("vmm/state", tests, NULL, NULL);
}
