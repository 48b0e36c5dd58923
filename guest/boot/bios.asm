; SPDX-License-Identifier: MIT
;
; The BIOS door: from a CD or a USB stick to the PVH entry of guest.elf.
;
; One code for both. The file is these 2048 bytes followed by guest.elf. On a
; CD the BIOS loads its first four sectors of 512 bytes at 0:7c00 (all that
; some BIOSes load) and El Torito's boot information table says where the file
; lies; on a stick the first 512 bytes are the MBR, the next three sectors
; follow it, and the file is found by the boot catalog.
;
; On entry: real mode, dl = drive. On exit: 32-bit protected mode without
; paging, ebx = struct hvm_start_info, at the PVH entry. The image lies at the
; lowest free base that is a multiple of 2 MiB.
;
; Whatever can go wrong does so in real mode, where the BIOS can say it.
; Source: El Torito 1.0; xorrisofs(1), -boot-info-table; BIOS Enhanced Disk
; Drive 3.0 (int 13h); ACPI 6.5, 15.1 (E820); Xen docs/misc/pvh.pandoc.

LOADER_BYTES	equ 2048
START_INFO	equ 0x8400
MEMMAP		equ 0x8600
MEMMAP_MAX	equ 128
ENTRY_BYTES	equ 24
FILE		equ 0x10000
FILE_SEGMENT	equ FILE >> 4
FILE_MAX	equ 0x70000
ELF		equ FILE + LOADER_BYTES
ELF_SEGMENT	equ ELF >> 4
CHUNK_SECTORS	equ 16
RETRIES		equ 4
CD_SECTOR	equ 2048
DISK_SECTOR	equ 512
CATALOG_SECTOR	equ 17 * CD_SECTOR / DISK_SECTOR
IMAGE_BYTES	equ 0x200000		; as in linker/guest.ld
START_MAGIC	equ 0x336ec578
E820_RAM	equ 1
PT_LOAD		equ 1

LOADED		equ 0x7c00

org LOADED
bits 16
start:
	jmp	short begin
	times 8 - ($ - $$) db 0
; The boot information table, written by who makes the ISO; zero in an MBR.
info_volume:	dd 0
info_file:	dd 0			; its first sector of 2048 bytes
info_bytes:	dd 0
info_sum:	dd 0
	times 64 - ($ - $$) db 0

begin:
	cli
	cld
	xor	ax, ax
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	sp, start
	jmp	0:.here
.here:
	sti
	mov	[drive], dl
	cmp	dword [info_file], 0
	jne	far_part
	; A disk: the rest of the loader follows the MBR.
	mov	word [sector_bytes], DISK_SECTOR
	mov	eax, 1
	mov	cx, 3
	mov	bx, (LOADED + DISK_SECTOR) >> 4
	call	read
	jmp	far_part

; fail MESSAGE - say it and halt.
%macro fail 1
	mov	si, %1
	jmp	die
%endmacro

die:
	call	print
.halt:
	hlt
	jmp	.halt

; print: the text at si, by the BIOS and on COM1.
print:
	lodsb
	test	al, al
	jz	.done
	push	ax
	mov	dx, 0x3fd
	mov	cx, 10000
.wait:
	in	al, dx
	test	al, 0x20
	loopz	.wait
	pop	ax
	push	ax
	mov	dx, 0x3f8
	out	dx, al
	pop	ax
	mov	ah, 0x0e
	mov	bx, 7
	int	0x10
	jmp	print
.done:
	ret

; read: cx sectors from eax to bx:0.
read:
	mov	[packet.lba], eax
	mov	[packet.segment], bx
	mov	[packet.sectors], cx
	mov	[packet.count], cx
	mov	byte [retries], RETRIES
.try:
	mov	si, packet
	mov	dl, [drive]
	mov	ah, 0x42
	int	0x13
	jnc	.done
	xor	ah, ah
	mov	dl, [drive]
	int	0x13
	; The BIOS changed it to what it had read.
	mov	cx, [packet.sectors]
	mov	[packet.count], cx
	dec	byte [retries]
	jnz	.try
	fail	text_read
.done:
	ret

align 4
packet:
	db	16, 0
.count:	dw	3
	dw	0
.segment:
	dw	0
.lba:	dd	0, 0
.sectors:
	dw	0
sector_bytes:
	dw	CD_SECTOR
drive:	db	0
retries:
	db	0
text_read:
	db	"vmferry: cannot read the disk", 13, 10, 0

	; Signature and partition table of the MBR.
	times 440 - ($ - $$) db 0
	times 510 - ($ - $$) db 0
	dw	0xaa55

; ---- from here on in the second sector ------------------------------------

far_part:
	mov	si, text_hello
	call	print
	call	check_cpu
	call	open_a20
	call	read_memmap
	call	find_file
	call	read_file
	call	check_elf
	call	find_base
	jmp	enter

check_cpu:
	mov	eax, 0x80000000
	cpuid
	cmp	eax, 0x80000001
	jb	.none
	mov	eax, 0x80000001
	cpuid
	test	edx, 1 << 29
	jz	.none
	ret
.none:
	fail	text_cpu

; Is the 21st address line open? Return: zero flag clear = yes.
test_a20:
	mov	ax, 0xffff
	mov	fs, ax
	mov	di, 0x500
	mov	al, [di]
	push	ax
	mov	ah, [fs:di + 0x10]
	push	ax
	mov	byte [di], 0x5a
	mov	byte [fs:di + 0x10], 0xa5
	cmp	byte [di], 0x5a
	pushf
	pop	dx
	pop	ax
	mov	[fs:di + 0x10], ah
	pop	ax
	mov	[di], al
	not	dx
	test	dx, 0x40		; equal: the two are not the same
	ret

open_a20:
	call	test_a20
	jz	.open
	mov	ax, 0x2401
	int	0x15
	call	test_a20
	jz	.open
	in	al, 0x92
	or	al, 2
	and	al, 0xfe
	out	0x92, al
	call	test_a20
	jz	.open
	; The keyboard controller, as in 1984.
	call	.ready
	mov	al, 0xd1
	out	0x64, al
	call	.ready
	mov	al, 0xdf
	out	0x60, al
	call	.ready
	call	test_a20
	jz	.open
	fail	text_a20
.open:
	ret
.ready:
	mov	cx, 0xffff
.wait:
	in	al, 0x64
	test	al, 2
	loopnz	.wait
	ret

; E820, in the very form that hvm_start_info wants.
read_memmap:
	xor	ebx, ebx
	mov	di, MEMMAP
	xor	bp, bp
.next:
	mov	dword [di + 20], 0
	mov	eax, 0xe820
	mov	ecx, 20
	mov	edx, 0x534d4150		; "SMAP"
	int	0x15
	jc	.end
	cmp	eax, 0x534d4150
	jne	.end
	add	di, ENTRY_BYTES
	inc	bp
	cmp	bp, MEMMAP_MAX
	je	.end
	test	ebx, ebx
	jnz	.next
.end:
	test	bp, bp
	jz	.none
	mov	[nr_memmap], bp
	ret
.none:
	fail	text_memmap

; Where the file lies: eax = first sector, info_bytes = its size.
find_file:
	mov	eax, [info_file]
	test	eax, eax
	jnz	.found
	mov	eax, CATALOG_SECTOR
	call	.peek
	cmp	dword [es:7], "EL T"
	jne	.none
	mov	eax, [es:0x47]
	shl	eax, 2
	call	.peek
	cmp	byte [es:0x20], 0x88
	jne	.none
	mov	eax, [es:0x28]
	shl	eax, 2
	push	eax
	call	.peek
	mov	eax, [es:info_bytes - start]
	mov	[info_bytes], eax
	pop	eax
.found:
	mov	[file_sector], eax
	ret
.none:
	fail	text_catalog
.peek:
	mov	cx, 1
	mov	bx, FILE_SEGMENT
	mov	es, bx
	jmp	read

read_file:
	mov	eax, [info_bytes]
	cmp	eax, LOADER_BYTES + 64
	jb	.bad
	cmp	eax, FILE_MAX
	ja	.bad
	movzx	ecx, word [sector_bytes]
	add	eax, ecx
	dec	eax
	xor	edx, edx
	div	ecx
	mov	di, ax			; sectors to go
	mov	bp, FILE_SEGMENT
.next:
	mov	cx, CHUNK_SECTORS
	cmp	di, cx
	jae	.whole
	mov	cx, di
.whole:
	push	cx
	mov	eax, [file_sector]
	mov	bx, bp
	call	read
	pop	cx
	movzx	eax, cx
	add	[file_sector], eax
	sub	di, cx
	mul	word [sector_bytes]
	shr	ax, 4			; a chunk is 32 KiB at most
	add	bp, ax
	test	di, di
	jnz	.next
	ret
.bad:
	fail	text_file

check_elf:
	mov	ax, ELF_SEGMENT
	mov	es, ax
	cmp	dword [es:0], 0x464c457f
	jne	.bad
	cmp	dword [es:18], 0x0001003e	; x86-64, and half of a version
	jne	.bad
	ret
.bad:
	fail	text_file

; The lowest multiple of 2 MiB with 2 MiB of RAM that nothing else claims.
find_base:
	xor	ebx, ebx
.next:
	add	ebx, IMAGE_BYTES
	cmp	ebx, 0xffe00000
	jae	.none
	mov	si, MEMMAP
	mov	cx, [nr_memmap]
	xor	dl, dl			; 1 = RAM has it
.entry:
	call	clip			; eax..edi: the entry below 4 GiB
	lea	ebp, [ebx + IMAGE_BYTES]
	cmp	dword [si + 16], E820_RAM
	jne	.other
	cmp	ebx, eax
	jb	.skip
	cmp	ebp, edi
	ja	.skip
	mov	dl, 1
	jmp	.skip
.other:
	cmp	ebp, eax
	jbe	.skip
	cmp	ebx, edi
	jae	.skip
	jmp	.next			; somebody else's
.skip:
	add	si, ENTRY_BYTES
	loop	.entry
	test	dl, dl
	jz	.next
	mov	[base], ebx
	ret
.none:
	fail	text_room

; The memory map's entry at si -> eax = start, edi = end, cut at 4 GiB.
clip:
	mov	eax, [si]
	mov	edi, eax
	cmp	dword [si + 4], 0
	jne	.beyond
	cmp	dword [si + 12], 0
	jne	.long
	add	edi, [si + 8]
	jnc	.done
.long:
	mov	edi, -1
.done:
	ret
.beyond:
	mov	eax, -1
	mov	edi, eax
	ret

enter:
	mov	di, START_INFO
	xor	ax, ax
	mov	es, ax
	mov	cx, 28
	rep stosw
	mov	dword [START_INFO], START_MAGIC
	mov	byte [START_INFO + 4], 1
	mov	word [START_INFO + 24], cmdline
	mov	word [START_INFO + 40], MEMMAP
	mov	ax, [nr_memmap]
	mov	[START_INFO + 48], ax
	cli
	lgdt	[gdt_pointer]
	mov	eax, cr0
	or	al, 1
	mov	cr0, eax
	jmp	8:protected

bits 32
protected:
	mov	ax, 16
	mov	ds, ax
	mov	es, ax
	mov	fs, ax
	mov	gs, ax
	mov	ss, ax
	; Between the segments too: a verifier compares whole pages.
	mov	edi, [base]
	mov	ecx, IMAGE_BYTES / 4
	xor	eax, eax
	rep stosd
	mov	ebx, ELF
	mov	edx, ebx
	add	edx, [ebx + 32]		; program headers
	movzx	ebp, word [ebx + 56]
.segment:
	cmp	dword [edx], PT_LOAD
	jne	.skip
	mov	esi, ebx
	add	esi, [edx + 8]
	mov	edi, [edx + 24]
	and	edi, IMAGE_BYTES - 1
	add	edi, [base]
	mov	ecx, [edx + 32]
	rep movsb
.skip:
	add	edx, 56
	dec	ebp
	jnz	.segment
	mov	eax, [ebx + 24]
	and	eax, IMAGE_BYTES - 1
	add	eax, [base]
	mov	ebx, START_INFO
	jmp	eax

align 8
gdt:
	dq	0
	dq	0x00cf9b000000ffff	; 0x08: 32-bit code
	dq	0x00cf93000000ffff	; 0x10: data
gdt_pointer:
	dw	23
	dd	gdt

file_sector:
	dd	0
base:	dd	0
nr_memmap:
	dw	0
cmdline:
	db	"door=bios", 0
text_hello:
	db	"vmferry: the guest talks on COM1", 13, 10, 0
text_cpu:
	db	"vmferry: this CPU has no 64-bit mode", 13, 10, 0
text_a20:
	db	"vmferry: address line 20 stays closed", 13, 10, 0
text_memmap:
	db	"vmferry: the BIOS has no memory map (E820)", 13, 10, 0
text_catalog:
	db	"vmferry: this disk has no boot catalog", 13, 10, 0
text_file:
	db	"vmferry: the guest on this disk is damaged", 13, 10, 0
text_room:
	db	"vmferry: no 2 MiB of free memory below 4 GiB", 13, 10, 0

	times LOADER_BYTES - ($ - $$) db 0
