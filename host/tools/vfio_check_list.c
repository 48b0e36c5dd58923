/* SPDX-License-Identifier: MIT */
/* vmferry vfio check --list: name, severity, what it needs, the rule. */
#include "tools/vfio_check_report.h"

static void print_needs(FILE *f, unsigned int needs)
{
	const char *comma = "";
	unsigned int bit;

	if (!needs)
		fputs("-", f);
	for (bit = 1; bit <= needs; bit <<= 1)
		if (needs & bit) {
			fprintf(f, "%s%s", comma, check_need_name(bit));
			comma = ",";
		}
}

void vfio_check_list(FILE *f, bool (*wanted)(void *ctx, size_t index),
		     void *ctx)
{
	size_t i;

	for (i = 0; i < check_nr(); i++) {
		const struct check_info *info = check_get(i);

		if (!wanted(ctx, i))
			continue;
		fprintf(f, "%s\t%s\t", info->name,
			check_severity_name(info->severity));
		print_needs(f, info->needs & ~(unsigned int)CHECK_OWN_WIRE);
		fprintf(f, "\t%s\n", info->rule);
	}
}
