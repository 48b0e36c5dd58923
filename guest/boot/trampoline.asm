; SPDX-License-Identifier: MIT
;
; How the other vCPUs come up: from real mode to 64-bit C.
;
; trampoline_start..trampoline_end is copied to a page below 1 MiB, whose
; number is the SIPI vector; trampoline_cr3, _gdtr, _far and _entry are filled
; in there. On entry: real mode, cs:ip = page:0. On exit: ap_main(cpu) on that
; vCPU's own kernel stack. Every vCPU runs it at its own time: the page is only
; read.

extern ap_main, smp_areas, smp_index

MSR_EFER	equ 0xc0000080
MSR_APIC_BASE	equ 0x1b
MSR_X2APIC_ID	equ 0x802
APIC_BASE_X2	equ 1 << 10
XAPIC_ID	equ 0xfee00020
CPU_SHIFT	equ 15			; struct cpu is 32 KiB, aligned

section .rodata.trampoline progbits alloc noexec nowrite align=16
bits 16
global trampoline_start, trampoline_end
global trampoline_cr3, trampoline_gdtr, trampoline_far, trampoline_entry
trampoline_start:
	cli
	mov	ax, cs
	mov	ds, ax
	o32 lgdt [trampoline_gdtr - trampoline_start]
	mov	eax, 0x620
	mov	cr4, eax
	mov	eax, [trampoline_cr3 - trampoline_start]
	mov	cr3, eax
	mov	ecx, MSR_EFER
	rdmsr
	or	eax, 1 << 8
	wrmsr
	mov	eax, 0x80010033
	mov	cr0, eax
	jmp	dword far [trampoline_far - trampoline_start]
bits 64
trampoline_long_mode:
	mov	rax, [rel trampoline_entry]
	jmp	rax
align 8
trampoline_gdt:
	dq	0
	dq	0x00af9b000000ffff
	dq	0x00cf93000000ffff
trampoline_gdtr:
	dw	23
	dd	trampoline_gdt - trampoline_start	; + page
	dw	0
trampoline_far:
	dd	trampoline_long_mode - trampoline_start		; + page
	dd	8
trampoline_cr3:
	dd	0
	dd	0
trampoline_entry:
	dq	0
trampoline_end:

section .text progbits alloc exec nowrite align=16
bits 64
global ap_entry
ap_entry:
	mov	eax, 16
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	mov	ecx, MSR_APIC_BASE
	rdmsr
	test	eax, APIC_BASE_X2
	jz	.xapic
	mov	ecx, MSR_X2APIC_ID
	rdmsr
	jmp	.index
.xapic:
	mov	ecx, XAPIC_ID
	mov	eax, [rcx]
	shr	eax, 24
.index:
	movzx	eax, al
	lea	rcx, [rel smp_index]
	movzx	edi, byte [rcx + rax]
	test	edi, edi
	jz	.stray			; nobody expects this vCPU
	dec	edi
	shl	rdi, CPU_SHIFT
	add	rdi, [rel smp_areas]
	lea	rsp, [rdi + (1 << CPU_SHIFT)]
	call	ap_main
.stray:
	cli
	hlt
	jmp	.stray

section .note.GNU-stack noalloc noexec nowrite progbits
