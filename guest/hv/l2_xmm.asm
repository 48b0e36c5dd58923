; SPDX-License-Identifier: MIT
;
; XMM registers in L2's rounds. C calls in ring 0, where compiled code uses none
; of them: rdi = seed; register i holds seed + i in both halves.

section .text progbits alloc exec nowrite align=16
bits 64

; void xmm_plant(uint64_t seed)
global xmm_plant
xmm_plant:
%assign n 0
%rep 16
	movq	xmm%+n, rdi
	punpcklqdq xmm%+n, xmm%+n
	inc	rdi
%assign n n + 1
%endrep
	ret

; uint32_t xmm_compare(uint64_t seed): a bit for each that holds something else;
; their contents are gone.
global xmm_compare
xmm_compare:
	xor	eax, eax
%assign n 0
%rep 16
	movq	rcx, xmm%+n
	punpckhqdq xmm%+n, xmm%+n
	movq	rdx, xmm%+n
	xor	rcx, rdi
	xor	rdx, rdi
	or	rcx, rdx
	neg	rcx			; carry: not 0
	rcr	eax, 1
	inc	rdi
%assign n n + 1
%endrep
	shr	eax, 16
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
