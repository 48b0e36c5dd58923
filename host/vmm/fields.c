/* SPDX-License-Identifier: MIT */
/* Structures by their tables: saved, loaded, told. */
#include "vmm/fields.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_NAME 96u

struct head {
	uint16_t version;
	uint16_t reserved; /* 0 */
};

/* Of a number; 0 = it is none. */
static size_t width(enum field_type type)
{
	return type <= FIELD_U64 ? (size_t)1 << type : 0;
}

static uint64_t get_number(const struct field *f, const void *at)
{
	union {
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
	} v = { .u64 = 0 };

	memcpy(&v, at, width(f->type));
	switch (f->type) {
	case FIELD_U8:
		return v.u8;
	case FIELD_U16:
		return v.u16;
	case FIELD_U32:
		return v.u32;
	default:
		return v.u64;
	}
}

static void put_number(const struct field *f, void *at, uint64_t value)
{
	const uint8_t u8 = (uint8_t)value;
	const uint16_t u16 = (uint16_t)value;
	const uint32_t u32 = (uint32_t)value;
	const void *const from[] = { &u8, &u16, &u32, &value };

	memcpy(at, from[f->type], width(f->type));
}

static uint16_t count_of(const struct field *f, const uint8_t *structure)
{
	uint16_t count;

	memcpy(&count, structure + f->count, sizeof(count));
	return count;
}

static int save_fields(const struct fields *table, unsigned int version,
		       const uint8_t *structure, struct buf *state);

static int save_list(const struct field *f, const uint8_t *structure,
		     struct buf *state)
{
	unsigned int i, count = count_of(f, structure);
	int rc = count > f->max_count ? -EINVAL : 0;

	for (i = 0; !rc && i < count; i++)
		rc = save_fields(f->table, f->table->version,
				 structure + f->offset + i * f->bytes, state);
	return rc;
}

static int save_field(const struct field *f, const uint8_t *structure,
		      struct buf *state)
{
	const uint8_t *at = structure + f->offset;
	uint64_t le;

	switch (f->type) {
	case FIELD_BYTES:
		return buf_append(state, at, f->bytes);
	case FIELD_TABLE:
		return save_fields(f->table, f->table->version, at, state);
	case FIELD_LIST:
		return save_list(f, structure, state);
	default:
		le = htole64(get_number(f, at));
		return buf_append(state, &le, width(f->type));
	}
}

static int save_fields(const struct fields *table, unsigned int version,
		       const uint8_t *structure, struct buf *state)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < table->nr; i++)
		if (table->field[i].since <= version)
			rc = save_field(&table->field[i], structure, state);
	return rc;
}

int fields_save(const struct fields *table, unsigned int version,
		const void *structure, struct buf *ret_state)
{
	const struct head head = { .version = htole16((uint16_t)version) };
	int rc = buf_append(ret_state, &head, sizeof(head));

	return rc ? rc : save_fields(table, version, structure, ret_state);
}

#define MAX_DEPTH 4u

/* Whose state is read, and where: names are made when somebody asks. */
struct load {
	struct reader r;
	const char *owner;
	struct error *err;
	/* The tables around; index -1: it is no list. */
	struct {
		const char *name;
		int index;
	} around[MAX_DEPTH];
	unsigned int depth;
};

/* "queue[3].vector" */
static void whole_name(const struct load *l, const struct field *f,
		       char name[MAX_NAME])
{
	size_t at = 0;
	unsigned int i;

	for (i = 0; i < l->depth && at < MAX_NAME; i++)
		at += (size_t)(l->around[i].index < 0
				       ? snprintf(name + at, MAX_NAME - at,
						  "%s.", l->around[i].name)
				       : snprintf(name + at, MAX_NAME - at,
						  "%s[%d].", l->around[i].name,
						  l->around[i].index));
	if (at < MAX_NAME)
		snprintf(name + at, MAX_NAME - at, "%s", f->name);
}

static int complain(const struct load *l, const struct field *f,
		    const char *what)
{
	char name[MAX_NAME];

	whole_name(l, f, name);
	return error_set(l->err, -EPROTO, "the state of %s: '%s' %s", l->owner,
			 name, what);
}

static int load_fields(struct load *l, const struct fields *table,
		       unsigned int version, uint8_t *structure);

static int load_number(struct load *l, const struct field *f, uint8_t *at)
{
	uint64_t le = 0, value;

	if (reader_get(&l->r, &le, width(f->type)))
		return complain(l, f, "is missing: it ends there");
	value = le64toh(le);
	if (f->max && value > f->max) {
		char what[80];

		snprintf(what, sizeof(what),
			 "is 0x%" PRIx64 ", and 0x%" PRIx64
			 " is the most it can be",
			 value, f->max);
		return complain(l, f, what);
	}
	put_number(f, at, value);
	return 0;
}

/* @index < 0: it is no list. */
static int load_inner(struct load *l, const struct field *f, int index,
		      uint8_t *at)
{
	int rc;

	if (l->depth == MAX_DEPTH)
		return complain(l, f, "lies too deep");
	l->around[l->depth].name = f->name;
	l->around[l->depth++].index = index;
	rc = load_fields(l, f->table, f->table->version, at);
	l->depth--;
	return rc;
}

static int load_list(struct load *l, const struct field *f, uint8_t *structure)
{
	unsigned int i, count = count_of(f, structure);
	int rc = 0;

	if (count > f->max_count)
		return complain(l, f, "is longer than it can be");
	for (i = 0; !rc && i < count; i++)
		rc = load_inner(l, f, (int)i,
				structure + f->offset + i * f->bytes);
	return rc;
}

static int load_field(struct load *l, const struct field *f, uint8_t *structure)
{
	uint8_t *at = structure + f->offset;

	switch (f->type) {
	case FIELD_BYTES:
		return reader_get(&l->r, at, f->bytes)
			       ? complain(l, f, "is missing: it ends there")
			       : 0;
	case FIELD_TABLE:
		return load_inner(l, f, -1, at);
	case FIELD_LIST:
		return load_list(l, f, structure);
	default:
		return load_number(l, f, at);
	}
}

static int load_fields(struct load *l, const struct fields *table,
		       unsigned int version, uint8_t *structure)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < table->nr; i++)
		if (table->field[i].since <= version)
			rc = load_field(l, &table->field[i], structure);
	return rc;
}

int fields_load(const struct fields *table, const uint8_t *state, size_t bytes,
		const char *owner, void *structure, struct error *err)
{
	struct load l = { .r = { state, bytes }, .owner = owner, .err = err };
	struct head head;
	unsigned int version;
	int rc;

	if (reader_get(&l.r, &head, sizeof(head)))
		return error_set(err, -EPROTO,
				 "the state of %s ends before its version",
				 owner);
	version = le16toh(head.version);
	if (!version || version > table->version || head.reserved)
		return error_set(err, -EPROTO,
				 "the state of %s has version %u of '%s'; this "
				 "vmferry reads 1 to %u",
				 owner, version, table->name, table->version);
	rc = load_fields(&l, table, version, structure);
	if (!rc && l.r.left)
		rc = error_set(err, -EPROTO,
			       "the state of %s has %zu bytes behind its last "
			       "field, '%s'",
			       owner, l.r.left,
			       table->field[table->nr - 1].name);
	return rc;
}

struct teller {
	void (*each)(void *ctx, const char *name, const void *value,
		     size_t bytes);
	void *ctx;
};

static void tell_fields(const struct teller *t, const struct fields *table,
			const char *prefix, const uint8_t *structure);

static void tell_list(const struct teller *t, const struct field *f,
		      const char *prefix, const uint8_t *structure)
{
	unsigned int i, count = count_of(f, structure);
	char name[MAX_NAME];

	for (i = 0; i < count && i < f->max_count; i++) {
		snprintf(name, sizeof(name), "%s%s[%u].", prefix, f->name, i);
		tell_fields(t, f->table, name,
			    structure + f->offset + i * f->bytes);
	}
}

static void tell_fields(const struct teller *t, const struct fields *table,
			const char *prefix, const uint8_t *structure)
{
	unsigned int i;
	char name[MAX_NAME];

	for (i = 0; i < table->nr; i++) {
		const struct field *f = &table->field[i];
		const uint8_t *at = structure + f->offset;

		snprintf(name, sizeof(name), "%s%s%s", prefix, f->name,
			 f->type == FIELD_TABLE ? "." : "");
		if (f->type == FIELD_TABLE)
			tell_fields(t, f->table, name, at);
		else if (f->type == FIELD_LIST)
			tell_list(t, f, prefix, structure);
		else
			t->each(t->ctx, name, at,
				width(f->type) ? width(f->type) : f->bytes);
	}
}

void fields_tell(const struct fields *table, const void *structure,
		 void (*each)(void *ctx, const char *name, const void *value,
			      size_t bytes),
		 void *ctx)
{
	const struct teller t = { each, ctx };

	tell_fields(&t, table, "", structure);
}
