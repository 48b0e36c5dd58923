/* SPDX-License-Identifier: MIT */
/* Variant B: variant A's options, and some on top. */
#include "tools/migrate_ab.h"

#include <errno.h>
#include <string.h>

#include "tools/words.h"

/* These are the command's, not a run's. */
static const char *whole_command(const struct migrate_settings *a,
				 const struct migrate_settings *b)
{
	const struct {
		const char *name;
		bool changed;
	} options[] = {
		{ "--json", a->common.json != b->common.json },
		{ "--dry-run", a->common.dry_run != b->common.dry_run },
		{ "--progress", a->common.progress != b->common.progress },
		{ "--repeat", a->repeat != b->repeat },
		{ "--for", a->for_ns != b->for_ns },
		{ "--ab", a->ab != b->ab },
		{ "--bundle", a->bundle != b->bundle },
		{ "--seed", a->seed != b->seed },
	};
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (options[i].changed)
			return options[i].name;
	return NULL;
}

/* options_parse() takes the command's name for word 0. */
static int parse(const struct command_help *help,
		 const struct option_spec *const *tables,
		 struct migrate_session *m, struct error *err)
{
	char **words = m->ab_words;
	int i;

	for (i = 1; words[i]; i++)
		if (!strcmp(words[i], "--help") || !strcmp(words[i], "-h"))
			return error_set(err, -EINVAL, "it takes no %s",
					 words[i]);
	return options_parse(i, words, help, tables, &m->variant[1].s, err);
}

int migrate_ab(const struct command_help *help,
	       const struct option_spec *const *tables,
	       struct migrate_session *m, struct error *err)
{
	const struct migrate_settings *a = &m->variant[0].s;
	struct error why = { "" };
	const char *wrong;
	char *text;
	int rc;

	m->nr_variants = 1;
	if (!a->ab || !a->ab[strspn(a->ab, " \t\n")])
		return 0;
	m->variant[1].s = *a;
	/* Devices that B names take the place of A's. */
	m->variant[1].s.vfio = (struct vfio_choice){ .device.nr = 0 };
	if (asprintf(&text, "migrate %s", a->ab) < 0)
		return error_set(err, -ENOMEM, "no memory");
	rc = words_split(text, &m->ab_words, NULL, &why);
	free(text);
	if (!rc)
		rc = parse(help, tables, m, &why);
	if (rc)
		return error_set(err, rc, "--ab: %s", why.text);
	if (!vfio_is_wanted(&m->variant[1].s.vfio))
		m->variant[1].s.vfio = a->vfio;
	wrong = whole_command(a, &m->variant[1].s);
	if (wrong)
		return error_set(err, -EINVAL,
				 "--ab takes options of a run; %s is for both "
				 "variants",
				 wrong);
	m->nr_variants = 2;
	return 0;
}
