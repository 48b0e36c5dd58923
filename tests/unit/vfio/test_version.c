/* SPDX-License-Identifier: MIT */
/* Capabilities: what we write we read, and nonsense is refused. */
#include "vfio/user_version.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit/unit.h"

static int parse(const char *json, struct user_caps *caps)
{
	uint8_t bytes[1024] = { 0, 0, 2, 0 };
	struct user_version version;
	size_t n = strlen(json);

	memcpy(bytes + 4, json, n + 1);
	return user_version_parse(bytes, 4 + n + 1, &version, caps);
}

static void test_round(void **state)
{
	struct user_caps caps = { .named = USER_CAP_ALL,
				  .max_msg_fds = 8,
				  .max_xfer_bytes = 65536,
				  .max_dma_maps = 100,
				  .pgsizes = 0x201000,
				  .write_multi = true,
				  .twin_socket = true };
	struct user_caps back;
	struct user_version version;
	size_t bytes;
	void *data;

	assert_int_equal(user_version_build(0, 1, &caps, &data, &bytes), 0);
	assert_int_equal(user_version_parse(data, bytes, &version, &back), 0);
	assert_int_equal(version.minor, 1);
	assert_memory_equal(&caps, &back, sizeof(caps));
	free(data);
}

static void test_defaults(void **state)
{
	static const char *const jsons[] = {
		"{}", "{\"capabilities\":{}}",
		"{\"capabilities\":{\"new\":[1]},\"x\":1}"
	};
	const uint8_t bare[4] = { 0, 0, 1, 0 };
	struct user_version version;
	struct user_caps caps, defaults;
	size_t i;

	user_caps_default(&defaults);
	for (i = 0; i < ARRAY_LEN(jsons); i++) {
		assert_int_equal(parse(jsons[i], &caps), 0);
		assert_memory_equal(&caps, &defaults, sizeof(caps));
	}
	assert_int_equal(user_version_parse(bare, 4, &version, &caps), 0);
	assert_int_equal(user_version_parse(bare, 3, &version, &caps), -EPROTO);
}

static void test_field(void **state)
{
	struct user_caps caps;

	assert_int_equal(parse("{\"capabilities\":{\"max_msg_fds\":8,"
			       "\"max_data_xfer_size\":1048576,\"migration\":"
			       "{\"pgsize\":4096}}}",
			       &caps),
			 0);
	assert_int_equal(caps.named, USER_CAP_MSG_FDS | USER_CAP_XFER |
					     USER_CAP_PGSIZE_FIELD);
	assert_int_equal(caps.pgsizes, 4096);
}

static void test_nonsense(void **state)
{
	static const char *const jsons[] = {
		"",
		"x",
		"[]",
		"{",
		"{}}",
		"{\"capabilities\":1}",
		"{\"capabilities\":{\"max_msg_fds\":-1}}",
		"{\"capabilities\":{\"max_msg_fds\":\"8\"}}",
		"{\"capabilities\":{\"max_msg_fds\":1e3}}",
		"{\"capabilities\":{\"max_data_xfer_size\":0}}",
		"{\"capabilities\":{\"max_data_xfer_size\":99999999999999999999}}",
		"{\"capabilities\":{\"migration\":[]}}",
		"{\"capabilities\":{\"write_multiple\":1}}",
		"{\"capabilities\":{\"twin_socket\":true}}",
		"{\"capabilities\":{\"twin_socket\":{\"fd_index\":16}}}",
	};
	const uint8_t unended[6] = { 0, 0, 1, 0, '{', '}' };
	const uint8_t early[8] = { 0, 0, 1, 0, '{', '}', 0, 0 };
	struct user_version version;
	struct user_caps caps;
	size_t i;

	for (i = 0; i < ARRAY_LEN(jsons); i++)
		assert_int_equal(parse(jsons[i], &caps), -EPROTO);
	assert_int_equal(user_version_parse(unended, 6, &version, &caps),
			 -EPROTO);
	assert_int_equal(user_version_parse(early, 8, &version, &caps),
			 -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_field),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
