; SPDX-License-Identifier: MIT
;
; Ways in and out of ring 0: exceptions, interrupts, ring 3 and back.
;
; Ring 0 runs with interrupts off; they are taken in ring 3 and in a halt only.
; struct cpu is 32 KiB, aligned, with the kernel stack at its top: rsp names
; the vCPU. Its first fields stand at the offsets below (asserted in desc.c).

extern exception_handler, irq_wake, irq_timer, irq_uart, irq_probe

CPU_MASK	equ -0x8000
CPU_RESUME	equ 0			; where a fault in *_safe continues
CPU_USER_STACK	equ 8
CPU_RSP0	equ 16 + 4		; struct tss at 16
USER_CS		equ 0x23
USER_SS		equ 0x1b
SERVICE_RETURN	equ 0

section .text progbits alloc exec nowrite align=16
bits 64

; uint64_t user_enter(fn, arg): call fn(arg) in ring 3.
global user_enter
user_enter:
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	mov	rax, rsp
	and	rax, CPU_MASK
	mov	[rax + CPU_RSP0], rsp
	mov	rcx, [rax + CPU_USER_STACK]
	push	USER_SS
	push	rcx
	push	0x202
	push	USER_CS
	lea	rdx, [rel user_thunk]
	push	rdx
	mov	rax, rdi
	mov	rdi, rsi
	iretq

; Ring 3, rsp 16-aligned.
user_thunk:
	cld
	call	rax
	mov	edi, SERVICE_RETURN
; KVM_GET_VCPU_EVENTS leaves out software exceptions: where KVM moves RIP on
; before it delivers #BP (software KVM does), a vCPU that is saved in between
; arrives without it. Then the instruction after int3 is reached: ask again.
.ask:
	int3
	jmp	.ask

; The int3 gate: rax = value, edi = service.
global isr_service
isr_service:
	test	edi, edi
	jnz	isr_3
	; The CPU aligned the stack before it pushed its frame.
	and	rsp, CPU_MASK
	mov	rsp, [rsp + CPU_RSP0]
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	ret

; int msr_read_safe(uint32_t msr, uint64_t *ret): -1 if it faults.
global msr_read_safe
msr_read_safe:
	mov	r8, rsp
	and	r8, CPU_MASK
	lea	rax, [rel fault_return]
	mov	[r8 + CPU_RESUME], rax
	mov	ecx, edi
	rdmsr
	mov	qword [r8 + CPU_RESUME], 0
	shl	rdx, 32
	or	rax, rdx
	mov	[rsi], rax
	xor	eax, eax
	ret

; int msr_write_safe(uint32_t msr, uint64_t value)
global msr_write_safe
msr_write_safe:
	mov	r8, rsp
	and	r8, CPU_MASK
	lea	rax, [rel fault_return]
	mov	[r8 + CPU_RESUME], rax
	mov	ecx, edi
	mov	eax, esi
	mov	rdx, rsi
	shr	rdx, 32
	wrmsr
	mov	qword [r8 + CPU_RESUME], 0
	xor	eax, eax
	ret

; int xcr0_write_safe(uint64_t value)
global xcr0_write_safe
xcr0_write_safe:
	mov	r8, rsp
	and	r8, CPU_MASK
	lea	rax, [rel fault_return]
	mov	[r8 + CPU_RESUME], rax
	xor	ecx, ecx
	mov	eax, edi
	mov	rdx, rdi
	shr	rdx, 32
	xsetbv
	mov	qword [r8 + CPU_RESUME], 0
	xor	eax, eax
	ret

fault_return:
	mov	eax, -1
	ret

; uint32_t halt_planted(uint64_t seed): halt until an interrupt with every
; general register but rsp holding seed + number; a bit for each that differs.
; uint32_t cpuid_planted(uint64_t seed): likewise, with CPUID for the halt, whose
; answer is compared too.
global halt_planted, cpuid_planted
cpuid_planted:
	stc
	jmp	planted
halt_planted:
	clc
planted:				; lea and push leave the carry alone
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	push	rdi
	lea	rax, [rdi + 0]
	lea	rbx, [rdi + 1]
	lea	rcx, [rdi + 2]
	lea	rdx, [rdi + 3]
	lea	rsi, [rdi + 4]
	lea	rbp, [rdi + 6]
	lea	r8, [rdi + 8]
	lea	r9, [rdi + 9]
	lea	r10, [rdi + 10]
	lea	r11, [rdi + 11]
	lea	r12, [rdi + 12]
	lea	r13, [rdi + 13]
	lea	r14, [rdi + 14]
	lea	r15, [rdi + 15]
	jc	.ask
	sti
	hlt
	cli
	jmp	.asked
.ask:
	cpuid
.asked:
	push	r15
	push	r14
	push	r13
	push	r12
	push	r11
	push	r10
	push	r9
	push	r8
	push	rdi			; in rsp's place: compared as 5 + 0
	push	rbp
	push	rdi
	push	rsi
	push	rdx
	push	rcx
	push	rbx
	push	rax
	mov	rdx, [rsp + 16 * 8]	; the seed
	xor	eax, eax
	xor	ecx, ecx
.compare:
	lea	rsi, [rdx + rcx]
	cmp	ecx, 5
	je	.seed
	cmp	ecx, 7
	jne	.plain
.seed:
	mov	rsi, rdx
.plain:
	cmp	rsi, [rsp + rcx * 8]
	je	.same
	bts	eax, ecx
.same:
	inc	ecx
	cmp	ecx, 16
	jb	.compare
	add	rsp, 17 * 8
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	ret

; Exceptions: all end in exception_handler(struct exception_frame *), which
; returns only to a changed rip.
%macro exception 2
global isr_%1
isr_%1:
%if %2 == 0
	push	0
%endif
	push	%1
	jmp	exception_common
%endmacro

exception 0, 0
exception 1, 0
exception 2, 0
exception 3, 0
exception 4, 0
exception 5, 0
exception 6, 0
exception 7, 0
exception 8, 1
exception 9, 0
exception 10, 1
exception 11, 1
exception 12, 1
exception 13, 1
exception 14, 1
exception 15, 0
exception 16, 0
exception 17, 1
exception 18, 0
exception 19, 0
exception 20, 0
exception 21, 1

exception_common:
	push	r15
	push	r14
	push	r13
	push	r12
	push	r11
	push	r10
	push	r9
	push	r8
	push	rbp
	push	rdi
	push	rsi
	push	rdx
	push	rcx
	push	rbx
	push	rax
	cld
	mov	rdi, rsp
	call	exception_handler
	pop	rax
	pop	rbx
	pop	rcx
	pop	rdx
	pop	rsi
	pop	rdi
	pop	rbp
	pop	r8
	pop	r9
	pop	r10
	pop	r11
	pop	r12
	pop	r13
	pop	r14
	pop	r15
	add	rsp, 16
	iretq

%macro interrupt 1
global isr_%1
isr_%1:
	push	rax
	push	rcx
	push	rdx
	push	rsi
	push	rdi
	push	r8
	push	r9
	push	r10
	push	r11
	cld
	call	irq_%1
	pop	r11
	pop	r10
	pop	r9
	pop	r8
	pop	rdi
	pop	rsi
	pop	rdx
	pop	rcx
	pop	rax
	iretq
%endmacro

interrupt wake
interrupt timer
interrupt uart
interrupt probe

global isr_spurious
isr_spurious:
	iretq

; Addresses of the first 22 handlers, in order, for the IDT.
section .data.rel.ro progbits alloc noexec write align=8
global isr_table
isr_table:
%assign n 0
%rep 22
	dq	isr_%+n
%assign n n + 1
%endrep

section .note.GNU-stack noalloc noexec nowrite progbits
