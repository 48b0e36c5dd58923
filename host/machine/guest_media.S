/* SPDX-License-Identifier: MIT */
/* The guest as an ISO and as an EFI program, for machines with firmware. */
	.section .rodata
	.global vmferry_guest_iso, vmferry_guest_iso_end
	.global vmferry_guest_efi, vmferry_guest_efi_end
	.balign 64
vmferry_guest_iso:
	.incbin GUEST_ISO
vmferry_guest_iso_end:
	.balign 64
vmferry_guest_efi:
	.incbin GUEST_EFI
vmferry_guest_efi_end:
	.section .note.GNU-stack, "", @progbits
