; SPDX-License-Identifier: MIT
;
; Out of UEFI's 64-bit mode, into the kernel's PVH entry.
;
; leave_start..leave_end is copied to a page below 4 GiB that UEFI maps one to
; one and lets execute. On entry: 64-bit mode, called at leave_start with
; rdi = struct hvm_start_info and rsi = the PVH entry, both below 4 GiB; boot
; services have ended. On exit: as the PVH entry wants it, 32-bit, paging off.
;
; Going down and up again costs nothing and leaves nothing of the firmware's
; state: its 5-level paging, for one, can be left in no other way.
; Source: Intel SDM 3A, 10.8.5 (mode switching).

MSR_EFER	equ 0xc0000080
EFER_LME	equ 1 << 8
CR4_PAE		equ 1 << 5
CR4_LA57	equ 1 << 12
CR0_PG		equ 1 << 31

section .rodata progbits alloc noexec nowrite align=16
bits 64
global leave_start, leave_end
leave_start:
	cli
	cld
	mov	ebx, edi
	mov	edi, esi
	; Nothing may remain that forbids to turn paging off.
	mov	eax, CR4_PAE
	mov	rcx, cr4
	and	ecx, CR4_LA57
	or	eax, ecx
	mov	cr4, rax
	lea	rax, [rel .pointer]
	lea	rcx, [rel .gdt]
	mov	[rax + 2], rcx
	lgdt	[rax]
	lea	rsp, [rel .stack_end]
	push	8
	lea	rax, [rel .narrow]
	push	rax
	retfq
bits 32
.narrow:
	mov	eax, 16
	mov	ds, eax
	mov	es, eax
	mov	fs, eax
	mov	gs, eax
	mov	ss, eax
	mov	eax, cr0
	and	eax, ~CR0_PG
	mov	cr0, eax
	mov	ecx, MSR_EFER
	rdmsr
	and	eax, ~EFER_LME
	wrmsr
	mov	eax, 0x11		; ET, PE
	mov	cr0, eax
	xor	eax, eax
	mov	cr4, eax
	jmp	edi
align 8
.gdt:
	dq	0
	dq	0x00cf9b000000ffff	; 0x08: 32-bit code
	dq	0x00cf93000000ffff	; 0x10: data
.pointer:
	dw	23
	dq	0			; filled in
	times 6 db 0
	times 32 db 0
.stack_end:
leave_end:

section .note.GNU-stack noalloc noexec nowrite progbits
