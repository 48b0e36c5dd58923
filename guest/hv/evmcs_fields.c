/* SPDX-License-Identifier: MIT */
/* Fields of the enlightened VMCS by the encoding of the ordinary one. */
#include "hv/evmcs_fields.h"

struct field {
	uint16_t encoding, offset, clean;
};

#define ROW(name, offset, bits, group, encoding)                               \
	{ encoding, offset, EVMCS_CLEAN_##group },
static const struct field fields[] = { EVMCS_FIELDS(ROW) };
#undef ROW

#define NR_FIELDS (sizeof(fields) / sizeof(fields[0]))

static const struct field *find(uint32_t encoding)
{
	uint32_t i;

	for (i = 0; i < NR_FIELDS; i++)
		if (fields[i].encoding == encoding &&
		    encoding != EVMCS_NO_FIELD)
			return &fields[i];
	return NULL;
}

/* Source: Intel SDM 3C, 25.11.2: bits 14:13 say how wide a field is. */
static uint32_t bytes_of(uint32_t encoding)
{
	static const uint8_t bytes[] = { 2, 8, 4, 8 };

	return bytes[encoding >> 13 & 3];
}

bool evmcs_write(union evmcs *e, uint32_t encoding, uint64_t value)
{
	const struct field *f = find(encoding);
	uint32_t i;

	if (!f)
		return false;
	for (i = 0; i < bytes_of(encoding); i++)
		e->bytes[f->offset + i] = (uint8_t)(value >> 8 * i);
	e->clean_fields &= ~(uint32_t)f->clean;
	return true;
}

uint64_t evmcs_read(const union evmcs *e, uint32_t encoding)
{
	const struct field *f = find(encoding);
	uint64_t value = 0;
	uint32_t i;

	for (i = 0; f && i < bytes_of(encoding); i++)
		value |= (uint64_t)e->bytes[f->offset + i] << 8 * i;
	return value;
}
