/* SPDX-License-Identifier: MIT */
/*
 * The state of a device as a table of fields: name, type, place, and the
 * version that has it since. From the table come saving, loading, checking and
 * printing; a device writes down what it has, and nothing else.
 *
 * In bytes: the version (16 bits) and 16 zero bits, then the fields that this
 * version has, in the table's order, little-endian, without gaps; of a list so
 * many elements as its count says. So a state has exactly one size, and what is
 * missing or too much is found with the field's name.
 *
 * A newer vmferry reads what an older one wrote: fields that the stream's
 * version lacks keep what the caller had put there. It also writes what an older
 * one can read: fields_save() with that version. A stream of a version above
 * the table's is refused.
 */
#ifndef VMFERRY_VMM_FIELDS_H
#define VMFERRY_VMM_FIELDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

enum field_type {
	FIELD_U8,
	FIELD_U16,
	FIELD_U32,
	FIELD_U64,
	FIELD_BYTES, /* field.bytes of them */
	FIELD_TABLE, /* another table's, in place */
	FIELD_LIST, /* of another table's elements, as many as a u16 says */
};

struct fields;

struct field {
	const char *name;
	enum field_type type;
	uint16_t since; /* version; 1 = always */
	uint32_t offset; /* in the table's structure */
	uint32_t bytes; /* FIELD_BYTES: how many; FIELD_LIST: of an element */
	uint64_t max; /* a number is refused above it; 0 = any will do */
	const struct fields *table; /* FIELD_TABLE, FIELD_LIST */
	uint32_t count; /* FIELD_LIST: offset of a uint16_t, further up */
	uint32_t max_count; /* FIELD_LIST: places in the structure */
};

struct fields {
	const char *name; /* of what it describes: "pci" */
	uint16_t version; /* the newest, 1.. */
	uint16_t nr;
	const struct field *field;
};

/* A field of a structure's member of that type. */
#define FIELD_NUMBER(structure, member, type_, since_, max_)                   \
	{                                                                      \
		.name = #member, .type = (type_), .since = (since_),           \
		.offset = offsetof(structure, member), .max = (max_)           \
	}

/**
 * fields_save() - append a structure's fields.
 * @version: 1..table->version; that of a table in it is its newest.
 *
 * Return: 0, -ENOMEM; -EINVAL: a list is longer than there are places.
 */
int fields_save(const struct fields *table, unsigned int version,
		const void *structure, struct buf *ret_state);

/**
 * fields_load() - take a structure's fields.
 * @state: hostile.
 * @owner: for sentences: "net0".
 * @structure: keeps what the stream's version does not have; holds anything
 *	on failure.
 *
 * Return: 0, or -EPROTO with a sentence that names @owner and the field.
 */
int fields_load(const struct fields *table, const uint8_t *state, size_t bytes,
		const char *owner, void *structure, struct error *err);

/* The table of that name, of all kinds of devices, and its structure's size;
 * NULL: there is none. */
const struct fields *device_fields(const char *table, size_t *ret_bytes);

/*
 * Calls @each for all numbers and strings of a structure, with their whole
 * name ("queue[3].vector"), as they lie in memory.
 */
void fields_tell(const struct fields *table, const void *structure,
		 void (*each)(void *ctx, const char *name, const void *value,
			      size_t bytes),
		 void *ctx);

#endif
