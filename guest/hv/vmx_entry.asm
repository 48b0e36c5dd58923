; SPDX-License-Identifier: MIT
;
; Into L2 and out of it. C calls vmx_loop(rdi = struct l2_run) in ring 0, 64-bit
; mode, interrupts off, a VMCS in use; it returns when vmx_handle() says so or
; the processor refuses to enter. vmx_exit is the host RIP: all registers but
; rsp are L2's, RFLAGS is 2. The order of the registers is struct l2_run's.
; Source: Intel SDM 3C, 27.5 and 28.5.

extern vmx_host_stack, vmx_handle, vmx_refused

AT_RAX		equ 0 * 8
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

global vmx_loop
vmx_loop:
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	push	rdi
	mov	rsi, rsp
	call	vmx_host_stack		; (run, rsp): where exits come back to
enter_l2:
	mov	rdi, [rsp]
	cmp	qword [rdi + ENTRY], 0
	mov	rax, [rdi + AT_RAX]
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
	jne	.resume
	vmlaunch
	jmp	.refused
.resume:
	vmresume
.refused:
	mov	rdi, [rsp]
	call	vmx_refused
	jmp	leave_l2

global vmx_exit
vmx_exit:
	push	rdi
	mov	rdi, [rsp + 8]
	mov	[rdi + AT_RAX], rax
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
	mov	qword [rdi + ENTRY], 1
	call	vmx_handle		; (run): true = enter again
	test	al, al
	jnz	enter_l2
leave_l2:
	pop	rdi
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
