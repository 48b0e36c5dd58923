; SPDX-License-Identifier: MIT
;
; The PVH entry: from 32-bit protected mode to relocated 64-bit C.
;
; On entry: ebx = struct hvm_start_info, paging off, flat segments,
; interrupts off, no stack. The image lies at any 2 MiB-aligned base.
; On exit: pvh_main(start_info, tsc) on the first vCPU's kernel stack, with the
; image's own 2 MiB identity-mapped and nothing else.
;
; Ring 0 may be emulated instruction by instruction: keep it short.
; Source: Xen docs/misc/pvh.pandoc.

extern paging_pml4, paging_pdpt, paging_pd, cpu_boot
extern relr_start, relr_end, cold_start, pvh_main

LINK_BASE	equ 0x200000		; as in linker/guest.ld
CPU_BYTES	equ 32768		; as in x86/cpu.h

START_MAGIC	equ 0x336ec578
MSR_EFER	equ 0xc0000080
EFER_LME	equ 1 << 8
CR4_PAE_FXSR	equ 0x620		; PAE, OSFXSR, OSXMMEXCPT
CR0_LONG	equ 0x80010033		; PG, WP, NE, ET, MP, PE
MAP_TABLE	equ 0x07		; present, writable, user
MAP_2M		equ 0x87

; address REGISTER, NAME: the address of an entry of `places`, relative to
; where the image lies (ebp).
%macro address 2
	lea	%1, [ebp + (%2 - pvh_entry)]
	add	%1, [%1]
%endmacro

section .text.boot progbits alloc exec nowrite align=16
bits 32
global pvh_entry
pvh_entry:
	cli
	cld
	; The only memory known to be ours: the magic at (%ebx) is the stack
	; of one call, and is put back.
	lea	esp, [ebx + 4]
	call	.here
.here:
	pop	ebp
	mov	dword [ebx], START_MAGIC
	sub	ebp, .here - pvh_entry		; ebp = base of the image
	address	esp, place_cpu
	add	esp, CPU_BYTES

	address	edi, place_pml4
	address	esi, place_pdpt
	lea	eax, [esi + MAP_TABLE]
	mov	[edi], eax
	address	edx, place_pd
	lea	eax, [edx + MAP_TABLE]
	mov	[esi], eax
	add	eax, 4096
	mov	[esi + 8], eax
	add	eax, 4096
	mov	[esi + 16], eax
	add	eax, 4096
	mov	[esi + 24], eax
	; The four page directories are adjacent: one array of 2 MiB pages.
	mov	ecx, ebp
	shr	ecx, 21
	lea	eax, [ebp + MAP_2M]
	mov	[edx + ecx * 8], eax

	mov	eax, CR4_PAE_FXSR
	mov	cr4, eax
	mov	cr3, edi
	mov	ecx, MSR_EFER
	rdmsr
	or	eax, EFER_LME
	wrmsr
	mov	eax, CR0_LONG
	mov	cr0, eax

	lea	eax, [ebp + (boot_gdt - pvh_entry)]
	sub	esp, 8
	mov	[esp + 2], eax
	mov	word [esp], 23
	lgdt	[esp]
	push	dword 8
	lea	eax, [ebp + (entry64 - pvh_entry)]
	push	eax
	retf

bits 64
entry64:
	mov	eax, 16
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	xor	eax, eax
	mov	fs, eax
	mov	gs, eax
	rdtsc
	shl	rdx, 32
	lea	r12, [rax + rdx]
	lea	rsp, [rel cpu_boot]
	add	rsp, CPU_BYTES

	; r8 = how far the image lies from its link address
	lea	r8, [rel pvh_entry]
	sub	r8, LINK_BASE
	; DT_RELR: an even entry is the address of a word to be moved along;
	; an odd one has a bit for each of the 63 words behind the last.
	lea	rsi, [rel relr_start]
	lea	rdi, [rel relr_end]
	jmp	.check
.next:
	lodsq
	shr	rax, 1
	jc	.bitmap
	lea	rdx, [rax * 2 + r8]
	; What is still packed is kern/cold.c's; nothing comes behind it.
	lea	rax, [rel cold_start]
	cmp	rdx, rax
	jae	.relocated
	add	[rdx], r8
	add	rdx, 8
	jmp	.check
.bitmap:
	mov	rcx, rdx
.bit:
	shr	rax, 1
	jnc	.clear
	add	[rcx], r8
.clear:
	add	rcx, 8
	test	rax, rax
	jnz	.bit
	add	rdx, 63 * 8
.check:
	cmp	rsi, rdi
	jb	.next
.relocated:

	mov	edi, ebx
	mov	rsi, r12
	call	pvh_main
.dead:
	cli
	hlt
	jmp	.dead

align 4
place_pml4:	dd paging_pml4 - $
place_pdpt:	dd paging_pdpt - $
place_pd:	dd paging_pd - $
place_cpu:	dd cpu_boot - $

align 8
boot_gdt:
	dq	0
	dq	0x00af9b000000ffff	; 0x08: 64-bit code
	dq	0x00cf93000000ffff	; 0x10: data

section .note.GNU-stack noalloc noexec nowrite progbits
