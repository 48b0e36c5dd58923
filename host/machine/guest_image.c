/* SPDX-License-Identifier: MIT */
/* The built-in guest (guest_image.S). */
#include "machine/machine.h"

extern const uint8_t vmferry_guest_image[], vmferry_guest_image_end[];

const void *machine_guest_image(uint64_t *ret_bytes)
{
	*ret_bytes = (uint64_t)(vmferry_guest_image_end - vmferry_guest_image);
	return vmferry_guest_image;
}
