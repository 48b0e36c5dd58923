/* SPDX-License-Identifier: MIT */
/* Our options of compression in QEMU's names. */
#include "drive/compress_qemu.h"

#include <errno.h>
#include <string.h>

#include "drive/vm.h"

/* Source: qapi/migration.json of QEMU 7.2. */
#define ZLIB_LEVEL_MAX 9
#define ZSTD_LEVEL_MAX 20
#define MAX_CHANNELS 255u

static bool is(const struct drive_compress *c, const char *codec)
{
	return !strcmp(c->codec, codec);
}

int compress_qemu_check(const struct drive_compress *c, struct error *err)
{
	int most = is(c, "zlib") ? ZLIB_LEVEL_MAX : ZSTD_LEVEL_MAX;

	if (!is(c, "zlib") && !is(c, "zstd"))
		return error_set(err, -EINVAL,
				 "QEMU compresses by zlib or zstd: --compress "
				 "%s is for --vmm mini",
				 c->codec);
	if (c->level < 0 || c->level > most)
		return error_set(err, -EINVAL,
				 "QEMU's level of %s is 0 to %d: "
				 "--compress-level %d is for --vmm mini",
				 c->codec, most, c->level);
	return 0;
}

static bool offers(json_t *capabilities, const char *name)
{
	json_t *one;
	size_t i;

	json_array_foreach (capabilities, i, one) {
		const char *have =
			json_string_value(json_object_get(one, "capability"));

		if (have && !strcmp(have, name))
			return true;
	}
	return false;
}

static void by_threads(const struct drive_compress *c,
		       struct compress_qemu *ret)
{
	*ret = (struct compress_qemu){
		.method = "compress",
		.channels = 1,
		.capabilities = json_pack("{s:b}", "compress", 1),
		.parameters = json_pack(
			"{s:i, s:i, s:i, s:b}", "compress-level", c->level,
			"compress-threads", (int)c->threads,
			"decompress-threads", (int)c->decompress_threads,
			"compress-wait-thread", c->wait),
	};
}

static void by_channels(const struct drive_compress *c,
			unsigned int nr_channels, struct compress_qemu *ret)
{
	unsigned int n = nr_channels > 1 ? nr_channels : c->threads;
	bool zlib = is(c, "zlib");

	*ret = (struct compress_qemu){
		.method = zlib ? "multifd-zlib" : "multifd-zstd",
		.channels = n < MAX_CHANNELS ? n : MAX_CHANNELS,
		.capabilities = json_pack("{s:b}", "multifd", 1),
		.parameters = json_pack("{s:i, s:s, s:i}", "multifd-channels",
					(int)n, "multifd-compression", c->codec,
					zlib ? "multifd-zlib-level"
					     : "multifd-zstd-level",
					c->level),
	};
}

int compress_qemu_choose(const struct drive_compress *c,
			 unsigned int nr_channels, json_t *capabilities,
			 struct compress_qemu *ret, struct error *err)
{
	if (is(c, "zlib") && nr_channels <= 1 &&
	    offers(capabilities, "compress")) {
		by_threads(c, ret);
		return 0;
	}
	if (!offers(capabilities, "multifd"))
		return error_set(err, -EINVAL,
				 "these QEMUs have no capability in common for "
				 "--compress %s: it takes %smultifd on both "
				 "sides",
				 c->codec,
				 is(c, "zlib") && nr_channels <= 1
					 ? "compress or "
					 : "");
	by_channels(c, nr_channels, ret);
	return 0;
}

static json_t *in_common(json_t *a, json_t *b)
{
	json_t *list = json_array(), *one;
	size_t i;

	json_array_foreach (a, i, one) {
		const char *name =
			json_string_value(json_object_get(one, "capability"));

		if (name && offers(b, name))
			json_array_append(list, one);
	}
	return list;
}

int compress_qemu_probe(const struct drive_compress *c,
			unsigned int nr_channels, struct drive_vm *source,
			struct drive_vm *target, struct compress_qemu *ret,
			struct error *err)
{
	json_t *a = NULL, *b = NULL, *both;
	int rc = drive_vm_execute(source, "query-migrate-capabilities", NULL,
				  &a, err);

	if (!rc)
		rc = drive_vm_execute(target, "query-migrate-capabilities",
				      NULL, &b, err);
	if (!rc) {
		both = in_common(a, b);
		rc = compress_qemu_choose(c, nr_channels, both, ret, err);
		json_decref(both);
	}
	json_decref(a);
	json_decref(b);
	return rc;
}

void compress_qemu_exit(struct compress_qemu *q)
{
	json_decref(q->capabilities);
	json_decref(q->parameters);
	*q = (struct compress_qemu){ .method = NULL };
}
