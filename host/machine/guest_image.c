/* SPDX-License-Identifier: MIT */
/* The built-in guest (guest_image.S, guest_media.S). */
#include "machine/machine.h"

extern const uint8_t vmferry_guest_image[], vmferry_guest_image_end[];

extern const uint8_t vmferry_guest_iso[], vmferry_guest_iso_end[];
extern const uint8_t vmferry_guest_efi[], vmferry_guest_efi_end[];

const void *machine_guest_image(uint64_t *ret_bytes)
{
	*ret_bytes = (uint64_t)(vmferry_guest_image_end - vmferry_guest_image);
	return vmferry_guest_image;
}

const void *machine_guest_iso(uint64_t *ret_bytes)
{
	*ret_bytes = (uint64_t)(vmferry_guest_iso_end - vmferry_guest_iso);
	return vmferry_guest_iso;
}

const void *machine_guest_efi(uint64_t *ret_bytes)
{
	*ret_bytes = (uint64_t)(vmferry_guest_efi_end - vmferry_guest_efi);
	return vmferry_guest_efi;
}
