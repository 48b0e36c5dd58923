/* SPDX-License-Identifier: MIT */
/* fw_cfg's directory of files. */
#include "boot/fwcfg.h"

#include "lib/string.h"

#define PREFIX "opt/vmferry/"
#define PREFIX_BYTES (sizeof(PREFIX) - 1)

static uint32_t load_be(const uint8_t *at, uint32_t bytes)
{
	uint32_t value = 0;

	while (bytes--)
		value = value << 8 | *at++;
	return value;
}

bool fwcfg_find(const struct fwcfg_dir *dir, uint32_t *at,
		struct fwcfg_file *ret_file)
{
	uint32_t nr = load_be(dir->nr, 4), i;

	if (nr > FWCFG_FILES)
		nr = FWCFG_FILES;
	while (*at < nr) {
		const char *name = dir->file[*at].name;

		i = (*at)++;
		if (memcmp(name, PREFIX, PREFIX_BYTES))
			continue;
		*ret_file = (struct fwcfg_file){
			.select = (uint16_t)load_be(dir->file[i].select, 2),
			.bytes = load_be(dir->file[i].size, 4),
		};
		if (ret_file->bytes > FWCFG_VALUE_BYTES)
			ret_file->bytes = FWCFG_VALUE_BYTES;
		for (i = 0; i < FWCFG_KEY_BYTES - PREFIX_BYTES - 1 &&
			    name[PREFIX_BYTES + i];
		     i++)
			ret_file->key[i] = name[PREFIX_BYTES + i];
		if (i)
			return true;
	}
	return false;
}
