; SPDX-License-Identifier: MIT
;
; Vector registers of the vCPU state check; see work/vector.h.
; C calls in ring 3: rdi = struct cpu_plant, result in rax.

PLANT_SEED	equ 0
PLANT_LEVEL	equ 8

section .text progbits alloc exec nowrite align=16
bits 64

global vector_set
vector_set:
	mov	rdx, [rdi + PLANT_SEED]
	cmp	qword [rdi + PLANT_LEVEL], 1
	jb	.done
%assign n 8
%rep 8
	lea	rax, [rdx + n]
	vmovq	xmm%+n, rax
	vpunpcklqdq xmm%+n, xmm%+n, xmm%+n
	vinsertf128 ymm%+n, ymm%+n, xmm%+n, 1
%assign n n + 1
%endrep
	cmp	qword [rdi + PLANT_LEVEL], 2
	jb	.done
%assign n 16
%rep 16
	lea	rax, [rdx + n]
	vpbroadcastq zmm%+n, rax
%assign n n + 1
%endrep
%assign n 0
%rep 8
	lea	eax, [rdx + n]
	kmovw	k%+n, eax
%assign n n + 1
%endrep
.done:
	xor	eax, eax
	ret

global vector_compare
vector_compare:
	mov	rdx, [rdi + PLANT_SEED]
	xor	r8d, r8d		; AVX differences
	xor	r9d, r9d		; AVX-512 differences
	cmp	qword [rdi + PLANT_LEVEL], 1
	jb	.done
%assign n 8
%rep 8
	lea	rcx, [rdx + n]
	vextractf128 xmm0, ymm%+n, 1
	vmovq	rax, xmm0
	xor	rax, rcx
	or	r8, rax
	vpsrldq	xmm0, xmm0, 8
	vmovq	rax, xmm0
	xor	rax, rcx
	or	r8, rax
%assign n n + 1
%endrep
	cmp	qword [rdi + PLANT_LEVEL], 2
	jb	.clear
%assign n 0
%rep 8
	lea	ecx, [rdx + n]
	kmovw	eax, k%+n
	xor	eax, ecx
	movzx	eax, ax
	or	r9, rax
	kxorw	k%+n, k%+n, k%+n
%assign n n + 1
%endrep
%assign n 16
%rep 16
	lea	rax, [rdx + n]
	vpbroadcastq zmm0, rax
	vpcmpuq	k1, zmm%+n, zmm0, 4	; not equal
	kmovw	eax, k1
	or	r9, rax
	vpxord	zmm%+n, zmm%+n, zmm%+n
%assign n n + 1
%endrep
	kxorw	k1, k1, k1
.clear:
	vzeroall
.done:
	xor	eax, eax
	test	r8, r8
	setnz	al
	test	r9, r9
	jz	.return
	or	eax, 2
.return:
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
