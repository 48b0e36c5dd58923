/* SPDX-License-Identifier: MIT */
/* The guest, so that one vmferry file is all that a test machine needs. */
	.section .rodata
	.global vmferry_guest_image, vmferry_guest_image_end
	.balign 64
vmferry_guest_image:
	.incbin GUEST_ELF
vmferry_guest_image_end:
	.section .note.GNU-stack, "", @progbits
