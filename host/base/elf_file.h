/* SPDX-License-Identifier: MIT */
/*
 * A distrustful walk over an ELF64 file for x86-64: its header and segments.
 * Pure: reads @file alone, and nothing beyond what is checked here.
 */
#ifndef VMFERRY_BASE_ELF_FILE_H
#define VMFERRY_BASE_ELF_FILE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct elf_file {
	const uint8_t *data; /* hostile, any alignment; not ours */
	size_t bytes;
	const char *name; /* the subject of each sentence: "the image" */
	Elf64_Ehdr header; /* checked; e_phnum program headers are there */
};

/**
 * elf_file_open() - check the header and the extent of the program headers.
 * @name: must outlive @ret_file.
 * @ret_file: points into @data; untouched on failure.
 *
 * Return: 0, or -ENOEXEC with a sentence.
 * Source: System V gABI, ch. 4, "ELF Header"; ch. 5, "Program Header".
 */
int elf_file_open(const void *data, size_t bytes, const char *name,
		  struct elf_file *ret_file, struct error *err);

/**
 * elf_file_segment() - program header @index, below header.e_phnum.
 *
 * For PT_LOAD, PT_NOTE and PT_DYNAMIC p_offset and p_filesz lie inside of the
 * file. For PT_LOAD, moreover, p_filesz is at most p_memsz, and neither
 * p_paddr nor p_vaddr + p_memsz wraps around. Nothing is known of the rest.
 *
 * Return: 0, or -ENOEXEC with a sentence; @ret_segment is untouched then.
 */
int elf_file_segment(const struct elf_file *file, unsigned int index,
		     Elf64_Phdr *ret_segment, struct error *err);

#endif
