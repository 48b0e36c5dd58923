/* SPDX-License-Identifier: MIT */
/* vfio-user capabilities, in and out. */
#include "vfio/user_version.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

void user_caps_default(struct user_caps *caps)
{
	*caps = (struct user_caps){
		.max_msg_fds = USER_DEFAULT_MSG_FDS,
		.max_xfer_bytes = USER_DEFAULT_XFER_BYTES,
		.max_dma_maps = USER_DEFAULT_DMA_MAPS,
		.pgsizes = USER_DEFAULT_PGSIZES,
	};
}

/* A number in the field too: @group is NULL or the object that it is in. */
static const struct {
	const char *group, *name;
	unsigned int bit;
	size_t offset;
	uint64_t min;
} numbers[] = {
	{ NULL, "max_msg_fds", USER_CAP_MSG_FDS,
	  offsetof(struct user_caps, max_msg_fds), 0 },
	{ NULL, "max_data_xfer_size", USER_CAP_XFER,
	  offsetof(struct user_caps, max_xfer_bytes), 1 },
	{ NULL, "max_dma_maps", USER_CAP_DMA_MAPS,
	  offsetof(struct user_caps, max_dma_maps), 0 },
	{ "migration", "pgsize", USER_CAP_PGSIZE_FIELD,
	  offsetof(struct user_caps, pgsizes), 1 },
	{ NULL, "pgsizes", USER_CAP_PGSIZES,
	  offsetof(struct user_caps, pgsizes), 1 },
};

#define NR_NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static uint64_t *number_at(struct user_caps *caps, size_t i)
{
	return (uint64_t *)((uint8_t *)caps + numbers[i].offset);
}

static int build_json(const struct user_caps *caps, json_t *list)
{
	struct user_caps copy = *caps;
	int rc = 0;
	size_t i;

	for (i = 0; i < NR_NUMBERS; i++) {
		json_t *number = json_integer((json_int_t)*number_at(&copy, i));

		if (!(caps->named & numbers[i].bit))
			json_decref(number);
		else if (numbers[i].group)
			rc |= json_object_set_new(
				list, numbers[i].group,
				json_pack("{s:o}", numbers[i].name, number));
		else
			rc |= json_object_set_new(list, numbers[i].name,
						  number);
	}
	if (caps->named & USER_CAP_WRITE_MULTI)
		rc |= json_object_set_new(list, "write_multiple",
					  json_boolean(caps->write_multi));
	if (caps->named & USER_CAP_TWIN_SOCKET)
		rc |= json_object_set_new(
			list, "twin_socket",
			json_pack("{s:b}", "supported", caps->twin_socket));
	return rc ? -ENOMEM : 0;
}

int user_version_build(uint16_t major, uint16_t minor,
		       const struct user_caps *caps, void **ret,
		       size_t *ret_bytes)
{
	const struct user_version version = { major, minor };
	json_t *list = json_object();
	json_t *root = json_pack("{s:O}", "capabilities", list);
	int rc = list && root ? build_json(caps, list) : -ENOMEM;
	char *text = rc ? NULL : json_dumps(root, JSON_COMPACT);
	size_t bytes = text ? strlen(text) + 1 : 0;
	uint8_t *data = text ? malloc(sizeof(version) + bytes) : NULL;

	if (data) {
		memcpy(data, &version, sizeof(version));
		memcpy(data + sizeof(version), text, bytes);
		*ret = data;
		*ret_bytes = sizeof(version) + bytes;
	}
	free(text);
	json_decref(root);
	json_decref(list);
	return data ? 0 : -ENOMEM;
}

/* Absent is fine: 0. */
static int parse_number(struct user_caps *caps, json_t *list, size_t i)
{
	json_t *value;
	json_int_t number;

	if (numbers[i].group)
		list = json_object_get(list, numbers[i].group);
	value = json_object_get(list, numbers[i].name);
	if (!value)
		return 0;
	number = json_integer_value(value);
	if (!json_is_integer(value) || number < 0 ||
	    (uint64_t)number < numbers[i].min)
		return -EPROTO;
	*number_at(caps, i) = (uint64_t)number;
	caps->named |= numbers[i].bit;
	return 0;
}

static int parse_bool(struct user_caps *caps, json_t *value, unsigned int bit,
		      bool *ret)
{
	if (!value)
		return 0;
	if (!json_is_boolean(value))
		return -EPROTO;
	*ret = json_is_true(value);
	caps->named |= bit;
	return 0;
}

static int parse_twin(struct user_caps *caps, json_t *twin)
{
	json_t *index = json_object_get(twin, "fd_index");

	if (!twin)
		return 0;
	if (!json_is_object(twin))
		return -EPROTO;
	if (index &&
	    (!json_is_integer(index) || json_integer_value(index) < 0 ||
	     json_integer_value(index) >= USER_MAX_FDS))
		return -EPROTO;
	caps->twin_fd = (unsigned int)json_integer_value(index);
	return parse_bool(caps, json_object_get(twin, "supported"),
			  USER_CAP_TWIN_SOCKET, &caps->twin_socket);
}

static int parse_caps(struct user_caps *caps, json_t *root)
{
	json_t *list = json_object_get(root, "capabilities");
	json_t *group = json_object_get(list, "migration");
	int rc = 0;
	size_t i;

	if (!json_is_object(root) || (list && !json_is_object(list)) ||
	    (group && !json_is_object(group)))
		return -EPROTO;
	for (i = 0; !rc && i < NR_NUMBERS; i++)
		rc = parse_number(caps, list, i);
	if (!rc)
		rc = parse_bool(caps, json_object_get(list, "write_multiple"),
				USER_CAP_WRITE_MULTI, &caps->write_multi);
	if (!rc)
		rc = parse_twin(caps, json_object_get(list, "twin_socket"));
	return rc;
}

int user_version_parse(const void *data, size_t bytes,
		       struct user_version *ret_version,
		       struct user_caps *ret_caps)
{
	const char *text = (const char *)data + sizeof(*ret_version);
	struct user_caps caps;
	json_t *root;
	int rc;

	if (bytes < sizeof(*ret_version))
		return -EPROTO;
	user_caps_default(&caps);
	bytes -= sizeof(*ret_version);
	if (bytes) {
		if (memchr(text, 0, bytes) != text + bytes - 1)
			return -EPROTO;
		root = json_loads(text, 0, NULL);
		rc = root ? parse_caps(&caps, root) : -EPROTO;
		json_decref(root);
		if (rc)
			return rc;
	}
	memcpy(ret_version, data, sizeof(*ret_version));
	*ret_caps = caps;
	return 0;
}
