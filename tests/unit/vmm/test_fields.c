/* SPDX-License-Identifier: MIT */
/* Structures by their tables: there and back, and what is refused by name. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit/random.h"
#include "unit/unit.h"
#include "vmm/fields.h"
#include "vmm/queues_impl.h"

struct element {
	uint8_t flag;
	uint32_t value;
};

struct thing {
	uint16_t count;
	uint8_t u8;
	uint32_t u32;
	uint64_t u64;
	uint8_t bytes[5];
	struct element inner;
	struct element list[4];
	uint16_t later; /* since version 2 */
};

static const struct field element_field[] = {
	FIELD_NUMBER(struct element, flag, FIELD_U8, 1, 1),
	FIELD_NUMBER(struct element, value, FIELD_U32, 1, 0),
};

static const struct fields element = { "element", 1, 2, element_field };

static const struct field thing_field[] = {
	FIELD_NUMBER(struct thing, count, FIELD_U16, 1, 0),
	FIELD_NUMBER(struct thing, u8, FIELD_U8, 1, 9),
	FIELD_NUMBER(struct thing, u32, FIELD_U32, 1, 0),
	FIELD_NUMBER(struct thing, u64, FIELD_U64, 1, 0),
	{ .name = "bytes",
	  .type = FIELD_BYTES,
	  .since = 1,
	  .offset = offsetof(struct thing, bytes),
	  .bytes = 5 },
	{ .name = "inner",
	  .type = FIELD_TABLE,
	  .since = 1,
	  .offset = offsetof(struct thing, inner),
	  .table = &element },
	{ .name = "list",
	  .type = FIELD_LIST,
	  .since = 1,
	  .offset = offsetof(struct thing, list),
	  .bytes = sizeof(struct element),
	  .table = &element,
	  .count = offsetof(struct thing, count),
	  .max_count = 4 },
	FIELD_NUMBER(struct thing, later, FIELD_U16, 2, 0),
};

static const struct fields thing_v2 = { "thing", 2, 8, thing_field };
static const struct fields thing_v1 = { "thing", 1, 7, thing_field };

static const struct thing example = {
	.count = 2,
	.u8 = 9,
	.u32 = 0xdeadbeef,
	.u64 = 0x0123456789abcdefull,
	.bytes = { 1, 2, 3, 4, 5 },
	.inner = { 1, 77 },
	.list = { { 0, 1 }, { 1, UINT32_MAX } },
	.later = 4711,
};

#define BYTES_V1 (4 + 2 + 1 + 4 + 8 + 5 + 5 + 2 * 5)

/* A copy of just that size, whose end ASan guards. */
static int load(const struct fields *table, const struct buf *b, size_t bytes,
		struct thing *ret, struct error *err)
{
	uint8_t *copy = malloc(bytes + !bytes);
	int rc;

	assert_non_null(copy);
	memcpy(copy, b->data, bytes);
	*ret = (struct thing){ .later = 12 };
	rc = fields_load(table, copy, bytes, "it", ret, err);
	free(copy);
	return rc;
}

static void test_there_and_back(void **state)
{
	struct buf b = BUF_INIT;
	struct thing t;

	assert_int_equal(fields_save(&thing_v2, 2, &example, &b), 0);
	assert_int_equal(b.bytes, BYTES_V1 + 2);
	/* Little-endian, in the table's order. */
	assert_memory_equal(b.data, "\2\0\0\0\2\0\11\xef\xbe\xad\xde\xef", 12);
	assert_int_equal(load(&thing_v2, &b, b.bytes, &t, NULL), 0);
	assert_int_equal(t.later, 4711);
	assert_int_equal(t.list[1].value, UINT32_MAX);
	assert_int_equal(t.list[1].flag, 1);
	assert_int_equal(t.inner.value, 77);
	assert_int_equal(t.u64, example.u64);
	assert_memory_equal(t.bytes, example.bytes, 5);
	buf_exit(&b);
}

/* Old ones are read, and can be written; newer ones are refused. */
static void test_versions(void **state)
{
	struct buf old = BUF_INIT, young = BUF_INIT, again = BUF_INIT;
	struct error err = { "" };
	struct thing t;

	assert_int_equal(fields_save(&thing_v1, 1, &example, &old), 0);
	assert_int_equal(old.bytes, BYTES_V1);
	assert_int_equal(load(&thing_v2, &old, old.bytes, &t, NULL), 0);
	assert_int_equal(t.later, 12); /* what was there */
	assert_int_equal(t.u32, example.u32);
	assert_int_equal(fields_save(&thing_v2, 1, &example, &again), 0);
	assert_int_equal(again.bytes, old.bytes);
	assert_memory_equal(again.data, old.data, old.bytes);
	assert_int_equal(fields_save(&thing_v2, 2, &example, &young), 0);
	assert_int_equal(load(&thing_v1, &young, young.bytes, &t, &err),
			 -EPROTO);
	assert_string_equal(err.text, "the state of it has version 2 of "
				      "'thing'; this vmferry reads 1 to 1");
	buf_exit(&old);
	buf_exit(&young);
	buf_exit(&again);
}

static void test_cut(void **state)
{
	struct buf b = BUF_INIT;
	struct error err;
	struct thing t;
	size_t n;

	assert_int_equal(fields_save(&thing_v2, 2, &example, &b), 0);
	for (n = 0; n < b.bytes; n++) {
		err.text[0] = '\0';
		assert_int_equal(load(&thing_v2, &b, n, &t, &err), -EPROTO);
		assert_non_null(strstr(err.text, n < 4 ? "version" : "ends"));
	}
	err.text[0] = '\0';
	load(&thing_v2, &b, b.bytes - 3, &t, &err);
	assert_non_null(strstr(err.text, "'list[1].value' is missing"));
	buf_append(&b, "x", 1);
	err.text[0] = '\0';
	assert_int_equal(load(&thing_v2, &b, b.bytes, &t, &err), -EPROTO);
	assert_non_null(strstr(err.text, "1 bytes behind its last field, "
					 "'later'"));
	buf_exit(&b);
}

static void test_limits(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *word;
	} rows[] = {
		{ 0, 0, "version 0" },	     { 0, 3, "version 3" },
		{ 2, 1, "version 2" },	     { 4, 5, "'list' is longer" },
		{ 6, 10, "'u8' is 0xa" },    { 24, 2, "'inner.flag'" },
		{ 34, 2, "'list[1].flag'" },
	};
	struct buf b = BUF_INIT;
	struct thing t, bad = example;
	size_t i;

	assert_int_equal(fields_save(&thing_v2, 2, &example, &b), 0);
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = { "" };
		uint8_t good = b.data[rows[i].at];

		b.data[rows[i].at] = rows[i].value;
		assert_int_equal(load(&thing_v2, &b, b.bytes, &t, &err),
				 -EPROTO);
		if (!strstr(err.text, rows[i].word))
			fail_msg("row %zu: '%s'", i, err.text);
		b.data[rows[i].at] = good;
	}
	bad.count = 5;
	assert_int_equal(fields_save(&thing_v2, 2, &bad, &b), -EINVAL);
	buf_exit(&b);
}

static void count_names(void *ctx, const char *name, const void *value,
			size_t bytes)
{
	unsigned int *nr = ctx;

	(*nr)++;
	if (!strcmp(name, "list[1].value"))
		assert_memory_equal(value, "\xff\xff\xff\xff", bytes);
	if (!strcmp(name, "inner.value"))
		*nr += 100;
}

static void test_tell(void **state)
{
	unsigned int nr = 0;

	fields_tell(&thing_v2, &example, count_names, &nr);
	assert_int_equal(nr, 100 + 5 + 2 + 2 * 2 + 1);
}

/* The tables in use: each field lies in its structure, and no two overlap. */
static void check_table(const struct fields *table, size_t structure)
{
	uint8_t *used = calloc(1, structure);
	unsigned int i;

	assert_non_null(used);
	for (i = 0; i < table->nr; i++) {
		const struct field *f = &table->field[i];
		size_t bytes = f->type <= FIELD_U64    ? (size_t)1 << f->type
			       : f->type == FIELD_LIST ? f->bytes * f->max_count
			       : f->type == FIELD_TABLE
				       ? sizeof(struct pci_state)
				       : f->bytes;
		size_t k;

		assert_true(f->since >= 1 && f->since <= table->version);
		assert_true(f->offset + bytes <= structure);
		for (k = 0; k < bytes; k++)
			assert_int_equal(used[f->offset + k]++, 0);
	}
	free(used);
}

static void test_tables(void **state)
{
	size_t bytes;

	assert_ptr_equal(device_fields("queues", &bytes), &queues_fields);
	assert_int_equal(bytes, sizeof(struct queues_state));
	assert_null(device_fields("nobody", &bytes));
	check_table(&queues_fields, sizeof(struct queues_state));
	check_table(&pci_fields, sizeof(struct pci_state));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_tell),
		cmocka_unit_test(test_tables),
	};

	return cmocka_run_group_tests_name("vmm/fields", tests, NULL, NULL);
}
