/* SPDX-License-Identifier: MIT */
/* fw_cfg by its DMA interface: each access costs two exits, not one a byte. */
#include "boot/fwcfg.h"

#include "x86/insn.h"

#define PORT_SELECT 0x510u
#define PORT_DATA 0x511u
#define PORT_DMA_HIGH 0x514u
#define PORT_DMA_LOW 0x518u
#define ITEM_SIGNATURE 0x00u
#define ITEM_FEATURES 0x01u
#define ITEM_DIRECTORY 0x19u
#define FEATURE_DMA 2u
#define DMA_ERROR 1u
#define DMA_READ 2u
#define DMA_SELECT 8u
#define DMA_TURNS 100000u

static volatile struct {
	uint32_t control, bytes;
	uint64_t gpa;
} access __attribute__((aligned(16)));

static struct fwcfg_dir dir;
static char value[FWCFG_VALUE_BYTES];

static bool has_dma(void)
{
	static const char signature[4] = { 'Q', 'E', 'M', 'U' };
	uint32_t i;

	outw(PORT_SELECT, ITEM_SIGNATURE);
	for (i = 0; i < sizeof(signature); i++)
		if (inb(PORT_DATA) != (uint8_t)signature[i])
			return false;
	outw(PORT_SELECT, ITEM_FEATURES);
	return inb(PORT_DATA) & FEATURE_DMA;
}

static bool read_item(uint32_t item, void *to, uint32_t bytes)
{
	uint64_t gpa = (uint64_t)&access;
	uint32_t turns = 0;

	access.control = __builtin_bswap32(item << 16 | DMA_SELECT | DMA_READ);
	access.bytes = __builtin_bswap32(bytes);
	access.gpa = __builtin_bswap64((uint64_t)to);
	compiler_barrier();
	outl(PORT_DMA_HIGH, __builtin_bswap32((uint32_t)(gpa >> 32)));
	outl(PORT_DMA_LOW, __builtin_bswap32((uint32_t)gpa));
	while (access.control & ~__builtin_bswap32(DMA_ERROR))
		if (++turns > DMA_TURNS)
			return false;
	return !access.control;
}

void fwcfg_gather(struct gather *words)
{
	struct fwcfg_file file;
	uint32_t at = 0;

	if (!has_dma() || !read_item(ITEM_DIRECTORY, &dir, sizeof(dir)))
		return;
	while (fwcfg_find(&dir, &at, &file))
		if (read_item(file.select, value, file.bytes))
			gather_add_key(words, file.key, sizeof(file.key), value,
				       file.bytes);
}
