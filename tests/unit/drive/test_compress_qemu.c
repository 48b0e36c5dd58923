/* SPDX-License-Identifier: MIT */
/* Which of QEMU's ways to compress is meant? */
#include <errno.h>
#include <string.h>

#include "drive/compress_qemu.h"
#include "unit/unit.h"

static json_t *list(const char *a, const char *b)
{
	json_t *l = json_pack("[{s:s, s:b}]", "capability", a, "state", 0);

	if (b)
		json_array_append_new(l, json_pack("{s:s}", "capability", b));
	return l;
}

static void what_no_qemu_has_is_refused(void **state)
{
	static const struct {
		const char *codec;
		int level, rc;
	} rows[] = { { "zlib", 0, 0 },
		     { "zlib", 9, 0 },
		     { "zlib", 10, -EINVAL },
		     { "zstd", 19, 0 },
		     { "zstd", -1, -EINVAL },
		     { "lz4", 1, -EINVAL },
		     { "libdeflate", 1, -EINVAL } };
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		const struct drive_compress c = { .codec = rows[i].codec,
						  .level = rows[i].level };
		struct error err = { "" };

		assert_int_equal(compress_qemu_check(&c, &err), rows[i].rc);
		assert_int_equal(!err.text[0], !rows[i].rc);
	}
}

static void the_way_follows_from_what_both_offer(void **state)
{
	static const struct {
		const char *codec, *a, *b;
		unsigned int asked;
		const char *method; /* NULL = refused */
		unsigned int channels;
	} rows[] = {
		{ "zlib", "multifd", "compress", 1, "compress", 1 },
		{ "zlib", "multifd", "compress", 3, "multifd-zlib", 3 },
		{ "zlib", "multifd", NULL, 1, "multifd-zlib", 2 },
		{ "zstd", "multifd", "compress", 1, "multifd-zstd", 2 },
		{ "zstd", "compress", NULL, 1, NULL, 0 },
		{ "zlib", "events", NULL, 1, NULL, 0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		const struct drive_compress c = { .codec = rows[i].codec,
						  .level = 1,
						  .threads = 2,
						  .decompress_threads = 2 };
		json_t *offered = list(rows[i].a, rows[i].b);
		struct compress_qemu q = { .method = NULL };
		struct error err = { "" };
		int rc = compress_qemu_choose(&c, rows[i].asked, offered, &q,
					      &err);

		json_decref(offered);
		assert_int_equal(rc, rows[i].method ? 0 : -EINVAL);
		if (rc)
			continue;
		assert_string_equal(q.method, rows[i].method);
		assert_int_equal(q.channels, rows[i].channels);
		if (q.channels > 1)
			assert_int_equal(
				json_integer_value(json_object_get(
					q.parameters, "multifd-channels")),
				q.channels);
		compress_qemu_exit(&q);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_no_qemu_has_is_refused),
		cmocka_unit_test(the_way_follows_from_what_both_offer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
