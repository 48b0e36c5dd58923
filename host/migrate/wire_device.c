/* SPDX-License-Identifier: MIT */
/* The table of a record with a device's own data. */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "migrate/wire.h"

size_t wire_put_device(void *table, const struct wire_device *device)
{
	struct wire_device_le le = {
		.device = htole32(device->device),
		.flags = htole32(device->last ? WIRE_DEVICE_LAST : 0),
		.offset = htole64(device->offset),
		.xxh64 = htole64(device->xxh64),
	};

	memcpy(table, &le, sizeof(le));
	return sizeof(le);
}

int wire_parse_device(const void *table, size_t bytes,
		      struct wire_device *ret_device, struct error *err)
{
	struct wire_device_le le;
	uint32_t device, flags;

	if (bytes != sizeof(le))
		return error_set(err, -EPROTO, "a device record is short");
	memcpy(&le, table, sizeof(le));
	device = le32toh(le.device);
	flags = le32toh(le.flags);
	if (device >= MIGRATE_MAX_DEVICES)
		return error_set(err, -EPROTO,
				 "a device record is for device %" PRIu32
				 ", the last is %u",
				 device, MIGRATE_MAX_DEVICES - 1);
	if (flags & ~WIRE_DEVICE_LAST)
		return error_set(
			err, -EPROTO,
			"a device record has the unknown flags 0x%" PRIx32,
			flags);
	*ret_device = (struct wire_device){
		.device = device,
		.last = flags & WIRE_DEVICE_LAST,
		.offset = le64toh(le.offset),
		.xxh64 = le64toh(le.xxh64),
	};
	return 0;
}
