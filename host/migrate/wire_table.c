/* SPDX-License-Identifier: MIT */
/* The tables of small records: hello, rounds, numbers, texts. */
#include "migrate/wire.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define HELLO_MAGIC 0x59525245464d56abull /* 0xab "VMFERRY" */

#define ROUND_FLAGS WIRE_ROUND_FINAL

size_t wire_put_hello(void *table, const struct wire_hello *hello)
{
	struct wire_hello_le le = {
		.magic = htole64(HELLO_MAGIC),
		.version = htole32(WIRE_VERSION),
		.page_bytes = htole32(WIRE_PAGE_BYTES),
		.nr_regions = htole32(hello->nr_regions),
		.nr_channels = htole32(hello->nr_channels),
		.session = htole64(hello->session),
	};
	uint8_t *at = table;
	unsigned int i;

	if (hello->packed > WIRE_RAW)
		le.flags = htole64(WIRE_FEATURE(hello->packed));
	memcpy(at, &le, sizeof(le));
	at += sizeof(le);
	for (i = 0; i < hello->nr_regions; i++) {
		struct wire_region_le region = {
			.gpa = htole64(hello->region[i].gpa),
			.bytes = htole64(hello->region[i].bytes),
		};

		memcpy(at, &region, sizeof(region));
		at += sizeof(region);
	}
	return (size_t)(at - (uint8_t *)table);
}

static int check_channels(const struct wire_hello_le *le, struct error *err)
{
	uint32_t nr = le32toh(le->nr_channels);

	if (!nr || nr > MIGRATE_MAX_CHANNELS)
		return error_set(err, -EPROTO,
				 "the source wants %" PRIu32
				 " channels, not 1 to %u",
				 nr, MIGRATE_MAX_CHANNELS);
	if (!le->session == (nr == 1))
		return 0;
	return error_set(err, -EPROTO,
			 "the source's hello has %" PRIu32
			 " channels and %s session",
			 nr, le->session ? "a" : "no");
}

/* Return: the one packed kind; WIRE_RAW: none; WIRE_NR_KINDS: not that. */
static enum wire_kind packed_kind(const struct wire_hello_le *le)
{
	unsigned int kind;

	if (!le->flags)
		return WIRE_RAW;
	for (kind = WIRE_DEFLATE; kind < WIRE_NR_KINDS; kind++)
		if (le64toh(le->flags) == WIRE_FEATURE(kind))
			break;
	return kind;
}

static int check_hello(const struct wire_hello_le *le, size_t bytes,
		       struct error *err)
{
	uint32_t nr = le32toh(le->nr_regions);

	if (le64toh(le->magic) != HELLO_MAGIC)
		return error_set(err, -EPROTO,
				 "the source's hello is not one of vmferry's");
	if (le32toh(le->version) != WIRE_VERSION)
		return error_set(err, -EPROTO,
				 "the source speaks version %" PRIu32
				 " of the stream, this target version %u",
				 le32toh(le->version), WIRE_VERSION);
	if (le32toh(le->page_bytes) != WIRE_PAGE_BYTES)
		return error_set(err, -EPROTO,
				 "the source sends pages of %" PRIu32
				 " bytes, not %u",
				 le32toh(le->page_bytes), WIRE_PAGE_BYTES);
	if (packed_kind(le) == WIRE_NR_KINDS || le->reserved)
		return error_set(err, -EPROTO,
				 "the source asks for features that this "
				 "target lacks: 0x%" PRIx64,
				 le64toh(le->flags));
	if (check_channels(le, err))
		return -EPROTO;
	if (!nr || nr > MIGRATE_MAX_REGIONS ||
	    bytes != sizeof(*le) + nr * sizeof(struct wire_region_le))
		return error_set(err, -EPROTO,
				 "the source's hello claims %" PRIu32
				 " memory regions in %zu bytes",
				 nr, bytes);
	return 0;
}

int wire_parse_hello(const void *table, size_t bytes,
		     struct wire_hello *ret_hello, struct error *err)
{
	const uint8_t *at = table;
	struct wire_region_le region;
	struct wire_hello_le le;
	unsigned int i;
	int rc;

	if (bytes < sizeof(le))
		return error_set(err, -EPROTO, "the source's hello is short");
	memcpy(&le, at, sizeof(le));
	rc = check_hello(&le, bytes, err);
	if (rc)
		return rc;
	at += sizeof(le);
	memset(ret_hello, 0, sizeof(*ret_hello));
	ret_hello->nr_channels = le32toh(le.nr_channels);
	ret_hello->session = le64toh(le.session);
	ret_hello->packed = packed_kind(&le);
	ret_hello->nr_regions = le32toh(le.nr_regions);
	for (i = 0; i < ret_hello->nr_regions; i++, at += sizeof(region)) {
		memcpy(&region, at, sizeof(region));
		ret_hello->region[i].gpa = le64toh(region.gpa);
		ret_hello->region[i].bytes = le64toh(region.bytes);
	}
	return 0;
}

size_t wire_put_round(void *table, const struct wire_round *round)
{
	struct wire_round_le le = {
		.round = htole32(round->round),
		.flags = htole32(round->flags),
		.pages = htole64(round->pages),
		.zero_pages = htole64(round->zero_pages),
	};

	memcpy(table, &le, sizeof(le));
	return sizeof(le);
}

int wire_parse_round(const void *table, size_t bytes,
		     struct wire_round *ret_round, struct error *err)
{
	struct wire_round_le le;

	if (bytes != sizeof(le))
		return error_set(err, -EPROTO, "a round record has %zu bytes",
				 bytes);
	memcpy(&le, table, sizeof(le));
	if (le32toh(le.flags) & ~ROUND_FLAGS)
		return error_set(err, -EPROTO,
				 "a round record has the unknown flags "
				 "0x%" PRIx32,
				 le32toh(le.flags));
	ret_round->round = le32toh(le.round);
	ret_round->flags = le32toh(le.flags);
	ret_round->pages = le64toh(le.pages);
	ret_round->zero_pages = le64toh(le.zero_pages);
	return 0;
}

size_t wire_put_channel(void *table, uint64_t session, uint32_t index)
{
	struct wire_channel_le le = {
		.session = htole64(session),
		.index = htole32(index),
	};

	memcpy(table, &le, sizeof(le));
	return sizeof(le);
}

int wire_parse_channel(const void *table, size_t bytes, uint64_t session,
		       unsigned int nr_channels, unsigned int *ret_index,
		       struct error *err)
{
	struct wire_channel_le le;

	if (bytes != sizeof(le))
		return error_set(err, -EPROTO, "a channel record has %zu bytes",
				 bytes);
	memcpy(&le, table, sizeof(le));
	if (le64toh(le.session) != session)
		return error_set(err, -ENOKEY,
				 "a channel of another migration came");
	if (!le.index || le32toh(le.index) >= nr_channels || le.reserved)
		return error_set(err, -EPROTO,
				 "channel %" PRIu32
				 " came, where 1 to %u were due",
				 le32toh(le.index), nr_channels - 1);
	*ret_index = le32toh(le.index);
	return 0;
}

size_t wire_put_u64(void *table, uint64_t value)
{
	value = htole64(value);
	memcpy(table, &value, sizeof(value));
	return sizeof(value);
}

int wire_parse_u64(const void *table, size_t bytes, uint64_t *ret_value,
		   struct error *err)
{
	uint64_t value;

	if (bytes != sizeof(value))
		return error_set(err, -EPROTO,
				 "a record of one number has %zu bytes", bytes);
	memcpy(&value, table, sizeof(value));
	*ret_value = le64toh(value);
	return 0;
}

int wire_parse_flags(const void *table, size_t bytes, uint64_t max,
		     struct error *err)
{
	uint64_t flags = 0;
	int rc = wire_parse_u64(table, bytes, &flags, err);

	if (rc || flags <= max)
		return rc;
	return error_set(err, -EPROTO,
			 "a record has the unknown flags 0x%" PRIx64, flags);
}

size_t wire_put_text(void *table, const char *text)
{
	size_t bytes = strnlen(text, WIRE_MAX_TEXT_BYTES);

	memcpy(table, text, bytes);
	return bytes;
}

void wire_parse_text(const void *table, size_t bytes,
		     char text[WIRE_MAX_TEXT_BYTES + 1])
{
	const unsigned char *from = table;
	size_t i;

	if (bytes > WIRE_MAX_TEXT_BYTES)
		bytes = WIRE_MAX_TEXT_BYTES;
	for (i = 0; i < bytes; i++)
		text[i] =
			from[i] >= ' ' && from[i] < 0x7f ? (char)from[i] : '?';
	text[bytes] = 0;
	if (!bytes)
		strcpy(text, "it gave no reason");
}
