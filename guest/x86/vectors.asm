; SPDX-License-Identifier: MIT
;
; Where the interrupts that devices raise meet: irq.c writes an entry for each
; vector, which pushes its number less 128 and jumps here. Otherwise as any
; interrupt gate of ring 0: interrupts are off, the stack is the vCPU's. Calls
; irq_take(vector, TSC) and goes back.

extern irq_take

section .text progbits alloc exec nowrite align=16
bits 64

global irq_enter
irq_enter:
	push	rax
	push	rdx
	rdtsc
	push	rcx
	push	rsi
	push	rdi
	push	r8
	push	r9
	push	r10
	push	r11
	shl	rdx, 32
	lea	rsi, [rdx + rax]
	mov	edi, [rsp + 9 * 8]
	sub	edi, -128
	cld
	call	irq_take
	pop	r11
	pop	r10
	pop	r9
	pop	r8
	pop	rdi
	pop	rsi
	pop	rcx
	pop	rdx
	pop	rax
	add	rsp, 8
	iretq

section .note.GNU-stack noalloc noexec nowrite progbits
