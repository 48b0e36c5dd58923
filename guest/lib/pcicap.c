/* SPDX-License-Identifier: MIT */
/* Capabilities: every byte of them may be wrong. */
#include "lib/pcicap.h"

#define STATUS_AND_COMMAND 0x04u
#define STATUS_HAS_LIST (1u << 20)
#define FIRST 0x34u
#define HEADER_BYTES 64u
#define CONFIG_BYTES 256u
/* Of 4 bytes each. */
#define MAX_CAPS ((CONFIG_BYTES - HEADER_BYTES) / 4)

#define VENDOR_BYTES 16u
#define VENDOR_LONG_BYTES 20u
#define MSIX_BYTES 12u
#define NR_BARS 6u

static uint32_t read(const struct pci_config *config, uint32_t offset)
{
	return config->read(config->ctx, offset);
}

/* The place that the link leads to. */
static uint32_t follow(const struct pci_config *config, uint32_t at)
{
	uint32_t next;

	if (!at && !(read(config, STATUS_AND_COMMAND) & STATUS_HAS_LIST))
		return 0;
	next = at ? read(config, at) >> 8 : read(config, FIRST);
	next &= 0xfc;
	return next >= HEADER_BYTES ? next : 0;
}

uint32_t pcicap_next(const struct pci_config *config, struct pcicap_walk *walk,
		     uint32_t id)
{
	while (walk->seen < MAX_CAPS) {
		walk->at = follow(config, walk->at);
		if (!walk->at)
			break;
		walk->seen++;
		if ((read(config, walk->at) & 0xff) == id)
			return walk->at;
	}
	walk->seen = MAX_CAPS;
	return 0;
}

bool pcicap_vendor(const struct pci_config *config, uint32_t at,
		   struct pcicap_vendor *ret)
{
	uint32_t head = read(config, at), bytes = head >> 16 & 0xff;

	if (bytes < VENDOR_BYTES || bytes > CONFIG_BYTES - at)
		return false;
	ret->type = head >> 24;
	ret->place.bar = read(config, at + 4) & 0xff;
	ret->place.offset = read(config, at + 8);
	ret->place.length = read(config, at + 12);
	ret->multiplier = 0;
	if (bytes >= VENDOR_LONG_BYTES)
		ret->multiplier = read(config, at + 16);
	return ret->place.bar < NR_BARS;
}

bool pcicap_msix(const struct pci_config *config, uint32_t at,
		 struct pcicap_msix *ret)
{
	uint32_t table;

	if (MSIX_BYTES > CONFIG_BYTES - at)
		return false;
	table = read(config, at + 4);
	ret->nr_vectors = (read(config, at) >> 16 & 0x7ff) + 1;
	ret->table.bar = table & 7;
	ret->table.offset = table & ~7u;
	ret->table.length = ret->nr_vectors * 16;
	return ret->table.bar < NR_BARS;
}

bool pcicap_fits(const struct pcicap_place *place, uint64_t bytes,
		 uint64_t bar_bytes)
{
	return place->length >= bytes && place->offset <= bar_bytes &&
	       place->length <= bar_bytes - place->offset;
}
