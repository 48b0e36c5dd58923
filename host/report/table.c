/* SPDX-License-Identifier: MIT */
/* Cells first, then widths, then lines. */
#include "report/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define GAP "  "

struct table {
	char *title;
	struct table_column *columns;
	size_t nr_columns;
	char **cells; /* row by row; a NULL stands for a rule */
	size_t nr_cells, room;
	bool failed; /* no memory for a cell */
};

int table_create(const char *title, const struct table_column *columns,
		 size_t nr, struct table **ret_table)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->title = title ? strdup(title) : NULL;
	t->columns = calloc(nr, sizeof(*columns));
	if (!t->columns || (title && !t->title)) {
		table_destroy(t);
		return -ENOMEM;
	}
	memcpy(t->columns, columns, nr * sizeof(*columns));
	t->nr_columns = nr;
	if (t->title)
		utf8_clean(t->title, false);
	*ret_table = t;
	return 0;
}

int table_create_section(const char *title, struct table **ret_table)
{
	static const struct table_column columns[] = {
		{ NULL, TABLE_LEFT },
		{ NULL, TABLE_LEFT },
	};

	return table_create(title, columns, 2, ret_table);
}

void table_destroy(struct table *t)
{
	if (!t)
		return;
	while (t->nr_cells)
		free(t->cells[--t->nr_cells]);
	free(t->cells);
	free(t->columns);
	free(t->title);
	free(t);
}

/* Takes @cell over; NULL = a part of a rule. */
static void append(struct table *t, char *cell)
{
	size_t room = t->room ? 2 * t->room : 32;
	char **cells;

	if (t->nr_cells == t->room) {
		cells = reallocarray(t->cells, room, sizeof(*cells));
		if (!cells) {
			t->failed = true;
			free(cell);
			return;
		}
		t->cells = cells;
		t->room = room;
	}
	t->cells[t->nr_cells++] = cell;
}

static void append_text(struct table *t, const char *format, va_list ap)
	__attribute__((format(printf, 2, 0)));

static void append_text(struct table *t, const char *format, va_list ap)
{
	char *cell = NULL;

	if (vasprintf(&cell, format, ap) < 0) {
		t->failed = true;
		return;
	}
	utf8_clean(cell, false);
	append(t, cell);
}

void table_cell(struct table *t, const char *format, ...)
{
	va_list ap;

	if (!format) {
		table_cell(t, "%s", "");
		return;
	}
	va_start(ap, format);
	append_text(t, format, ap);
	va_end(ap);
}

void table_pair(struct table *t, const char *key, const char *format, ...)
{
	va_list ap;

	table_cell(t, "%s", key);
	va_start(ap, format);
	append_text(t, format, ap);
	va_end(ap);
}

/* One NULL a row: a rule is a row of its own. */
void table_rule(struct table *t)
{
	size_t i;

	while (t->nr_cells % t->nr_columns && !t->failed)
		table_cell(t, NULL);
	for (i = 0; i < t->nr_columns; i++)
		append(t, NULL);
}

static size_t width_of(const struct table *t, size_t column)
{
	const char *title = t->columns[column].title;
	size_t width = title ? utf8_count(title) : 0, i, n;

	for (i = column; i < t->nr_cells; i += t->nr_columns) {
		n = t->cells[i] ? utf8_count(t->cells[i]) : 0;
		if (n > width)
			width = n;
	}
	return width;
}

static void print_cell(FILE *f, const char *text, size_t width,
		       enum table_align align, bool last)
{
	int pad = (int)(width - utf8_count(text));

	if (align == TABLE_RIGHT)
		fprintf(f, "%*s%s", pad, "", text);
	else
		fprintf(f, "%s%*s", text, last ? 0 : pad, "");
	fputs(last ? "\n" : GAP, f);
}

static void print_rule(const struct table *t, FILE *f, const size_t *widths)
{
	size_t i, j;

	for (i = 0; i < t->nr_columns; i++) {
		for (j = 0; j < widths[i]; j++)
			fputc('-', f);
		fputs(i + 1 == t->nr_columns ? "\n" : GAP, f);
	}
}

static bool has_header(const struct table *t)
{
	size_t i;

	for (i = 0; i < t->nr_columns; i++)
		if (t->columns[i].title)
			return true;
	return false;
}

static void print_row(const struct table *t, FILE *f, const size_t *widths,
		      size_t first)
{
	size_t i, at;

	if (!t->cells[first])
		return print_rule(t, f, widths);
	for (i = 0; i < t->nr_columns; i++) {
		at = first + i;
		print_cell(f, at < t->nr_cells ? t->cells[at] : "", widths[i],
			   t->columns[i].align, i + 1 == t->nr_columns);
	}
}

static void print_header(const struct table *t, FILE *f, const size_t *widths)
{
	const char *title;
	size_t i;

	for (i = 0; i < t->nr_columns; i++) {
		title = t->columns[i].title;
		print_cell(f, title ? title : "", widths[i],
			   t->columns[i].align, i + 1 == t->nr_columns);
	}
	print_rule(t, f, widths);
}

int table_print(const struct table *t, FILE *f)
{
	size_t *widths, i;

	if (t->failed)
		return -ENOMEM;
	widths = calloc(t->nr_columns, sizeof(*widths));
	if (!widths)
		return -ENOMEM;
	for (i = 0; i < t->nr_columns; i++)
		widths[i] = width_of(t, i);
	if (t->title)
		fprintf(f, "%s\n", t->title);
	if (has_header(t))
		print_header(t, f, widths);
	for (i = 0; i < t->nr_cells; i += t->nr_columns)
		print_row(t, f, widths, i);
	free(widths);
	return fflush(f) || ferror(f) ? -EIO : 0;
}
