/* SPDX-License-Identifier: MIT */
/*
 * Aligned text tables for people.
 *
 * Widths are counted in code points of UTF-8. Text may come from a peer or a
 * guest: control characters and broken UTF-8 are printed as '?', so that none
 * of it reaches the terminal as a command. Failures to allocate stick:
 * table_print() reports them.
 */
#ifndef VMFERRY_REPORT_TABLE_H
#define VMFERRY_REPORT_TABLE_H

#include <stddef.h>
#include <stdio.h>

enum table_align { TABLE_LEFT, TABLE_RIGHT };

struct table_column {
	const char *title; /* borrowed; NULL in all = no header */
	enum table_align align;
};

struct table;

/**
 * table_create() - an empty table.
 * @title: a line above it, or NULL; copied.
 * @columns: @nr of them, at least 1; the array is copied.
 */
int table_create(const char *title, const struct table_column *columns,
		 size_t nr, struct table **ret_table);
/* Two columns without header: names and values. */
int table_create_section(const char *title, struct table **ret_table);
void table_destroy(struct table *t);

/* The next cell, row by row from the left. NULL @format = empty. */
void table_cell(struct table *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Two cells: the line "@key  value" of a section. */
void table_pair(struct table *t, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A rule between the rows so far and the next. */
void table_rule(struct table *t);

/* 0, -ENOMEM from when it was filled, or -EIO if @f did not take it. */
int table_print(const struct table *t, FILE *f);

#endif
