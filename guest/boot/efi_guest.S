/* SPDX-License-Identifier: MIT */
/* The kernel that BOOTX64.EFI carries. */
	.section .rodata
	.global guest_elf, guest_elf_end
	.hidden guest_elf, guest_elf_end
	.balign 64
guest_elf:
	.incbin GUEST_ELF
guest_elf_end:
	.section .note.GNU-stack, "", @progbits
