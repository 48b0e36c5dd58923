; SPDX-License-Identifier: MIT
;
; Into L2 and out of it. C calls svm_loop(rdi = struct l2_run) in ring 0, 64-bit
; mode, GIF and RFLAGS.IF 0; it returns so when svm_handle() says stop. RAX of L2
; is in the VMCB. The order of the registers is struct l2_run's.
; VMRUN wants IF 1, or no interrupt would end it: GIF holds them back until then,
; and from the exit on. Source: AMD64 APM volume 2, 15.5, 15.13.1, 15.17.

extern svm_handle

AT_RCX		equ 1 * 8
AT_RDX		equ 2 * 8
AT_RBX		equ 3 * 8
AT_RBP		equ 4 * 8
AT_RSI		equ 5 * 8
AT_RDI		equ 6 * 8
AT_R8		equ 7 * 8
ENTRY		equ 15 * 8

section .text progbits alloc exec nowrite align=16
bits 64

global svm_loop
svm_loop:
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	push	rdi
enter_l2:
	mov	rdi, [rsp]
	mov	rax, [rdi + ENTRY]
	mov	rcx, [rdi + AT_RCX]
	mov	rdx, [rdi + AT_RDX]
	mov	rbx, [rdi + AT_RBX]
	mov	rbp, [rdi + AT_RBP]
	mov	rsi, [rdi + AT_RSI]
%assign n 8
%rep 8
	mov	r%+n, [rdi + AT_R8 + (n - 8) * 8]
%assign n n + 1
%endrep
	mov	rdi, [rdi + AT_RDI]
	sti
	vmrun
	cli
	push	rdi
	mov	rdi, [rsp + 8]
	mov	[rdi + AT_RCX], rcx
	mov	[rdi + AT_RDX], rdx
	mov	[rdi + AT_RBX], rbx
	mov	[rdi + AT_RBP], rbp
	mov	[rdi + AT_RSI], rsi
%assign n 8
%rep 8
	mov	[rdi + AT_R8 + (n - 8) * 8], r%+n
%assign n n + 1
%endrep
	pop	rax
	mov	[rdi + AT_RDI], rax
	call	svm_handle		; (run): true = enter again
	test	al, al
	jnz	enter_l2
	pop	rdi
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
