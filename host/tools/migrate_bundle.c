/* SPDX-License-Identifier: MIT */
/* Writing the failure bundle, whole or not at all. */
#include "tools/migrate_bundle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tools/words.h"

#define NAME_BYTES 4096u

/* Where it goes; "" = nowhere. */
static void bundle_name(const struct migrate_session *m, char *name)
{
	const struct migrate_settings *s = &m->variant[0].s;
	time_t now = time(NULL);
	struct tm utc;
	size_t n;

	name[0] = '\0';
	if (s->bundle) {
		snprintf(name, NAME_BYTES, "%s", s->bundle);
		for (n = strlen(name); n > 1 && name[n - 1] == '/'; n--)
			name[n - 1] = '\0';
	} else if (s->for_ns && gmtime_r(&now, &utc)) {
		strftime(name, NAME_BYTES, "./vmferry-failure-%Y%m%dT%H%M%SZ",
			 &utc);
	}
}

int migrate_bundle_check(const struct migrate_session *m, struct error *err)
{
	char name[NAME_BYTES], copy[NAME_BYTES];
	struct stat st;

	bundle_name(m, name);
	if (!name[0])
		return 0;
	if (strlen(name) > NAME_BYTES - 256)
		return error_set(err, -EINVAL,
				 "--bundle: the name is too "
				 "long");
	if (!lstat(name, &st))
		return error_set(err, -EINVAL,
				 "--bundle %s is there already: name a new "
				 "directory",
				 name);
	snprintf(copy, sizeof(copy), "%s", name);
	if (access(dirname(copy), W_OK))
		return error_set(err, -EINVAL,
				 "--bundle %s cannot be written: %s", name,
				 strerror(errno));
	return 0;
}

static void remove_files(const char *dir)
{
	char path[NAME_BYTES + 256];
	struct dirent *entry;
	DIR *d = opendir(dir);

	while (d && (entry = readdir(d))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (unlink(path) && (errno == EISDIR || errno == EPERM))
			remove_files(path);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}

static FILE *create(const char *dir, const char *name, mode_t mode)
{
	char path[NAME_BYTES + 64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	return fd < 0 ? NULL : fdopen(fd, "w");
}

static int write_json(const char *dir, const char *name, json_t *value)
{
	FILE *f = create(dir, name, 0666);
	int bad;

	if (!f)
		return -errno;
	bad = json_dumpf(value, f, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) ||
	      fputc('\n', f) == EOF;
	return fclose(f) || bad ? -EIO : 0;
}

static void print_words(char *const *words, FILE *f)
{
	for (; words && *words; words++) {
		fputc(' ', f);
		words_quote(*words, f);
	}
}

/* Of an option that is given twice the last one counts. */
static void print_overrides(const struct migrate_session *m,
			    const struct run_hop *hop, FILE *f)
{
	const struct migrate_settings *s = &m->variant[m->which].s;
	char workload[4096];

	snprintf(workload, sizeof(workload), "%s%sseed=%" PRIu64,
		 s->common.workload_text ? s->common.workload_text : "",
		 s->common.workload_text ? "," : "", hop->set->workload.seed);
	fputs(" \\\n\t--workload ", f);
	words_quote(workload, f);
	fprintf(f,
		" --seed %" PRIu64 " --hops %u --repeat 1 \\\n\t--for 0s "
		"--ab '' --bundle '' --json \"$here/replay.json\" \"$@\"\n",
		s->seed + m->index, hop->hop);
}

static int write_replay(const struct migrate_session *m,
			const struct run_hop *hop, const char *dir)
{
	char exe[NAME_BYTES] = "", cwd[NAME_BYTES] = "/";
	FILE *f = create(dir, "replay.sh", 0777);
	int bad;

	if (!f)
		return -errno;
	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
		strcpy(exe, "vmferry");
	if (!getcwd(cwd, sizeof(cwd)))
		strcpy(cwd, "/");
	fprintf(f,
		"#!/bin/sh\n# Does it again, with the same seeds: repetition "
		"%" PRIu64 "%s, hop %u. Options given\n# to this script go on "
		"top; VMFERRY names another binary.\n"
		"here=$(cd \"$(dirname \"$0\")\" && pwd) || exit 99\ncd ",
		m->index + 1, m->which ? " of variant B" : "", hop->hop);
	words_quote(cwd, f);
	fputs(" || exit 99\nVMFERRY=${VMFERRY:-", f);
	words_quote(exe, f);
	fputs("}\nexec \"$VMFERRY\" migrate", f);
	print_words(m->argv + 1, f);
	if (m->which)
		print_words(m->ab_words + 1, f);
	print_overrides(m, hop, f);
	bad = ferror(f);
	return fclose(f) || bad ? -EIO : 0;
}

static int fill(const struct migrate_session *m, const struct run_hop *hop,
		json_t *sample, const char *dir, struct error *err)
{
	const struct migrate_variant *v = &m->variant[m->which];
	json_t *params = migrate_params(&v->s, hop->set);
	int rc = write_json(dir, "result.json", sample);

	if (!rc)
		rc = write_json(dir, "params.json", params);
	json_decref(params);
	if (!rc)
		rc = write_replay(m, hop, dir);
	if (rc)
		return error_set(err, rc, "cannot write to %s: %s", dir,
				 strerror(-rc));
	return run_evidence(hop, dir, err);
}

static int write_bundle(const struct migrate_session *m,
			const struct run_hop *hop, json_t *sample,
			const char *name, struct error *err)
{
	char temp[NAME_BYTES + 32];
	int rc;

	snprintf(temp, sizeof(temp), "%s.%d.tmp", name, (int)getpid());
	if (mkdir(temp, 0777))
		return error_set(err, -errno, "cannot create %s: %s", temp,
				 strerror(errno));
	rc = fill(m, hop, sample, temp, err);
	if (!rc && rename(temp, name))
		rc = error_set(err, -errno, "cannot rename %s to %s: %s", temp,
			       name, strerror(errno));
	if (rc)
		remove_files(temp);
	return rc;
}

void migrate_bundle(struct migrate_session *m, const struct run_hop *hop,
		    json_t *sample)
{
	FILE *f = common_out(&m->variant[0].s.common);
	char name[NAME_BYTES], *path;
	struct error err = { "" };
	int rc;

	bundle_name(m, name);
	if (!name[0] || m->bundled)
		return;
	m->bundled = true;
	rc = write_bundle(m, hop, sample, name, &err);
	common_clear_progress(&m->variant[0].s.common);
	if (rc) {
		result_warn(m->result, "no failure bundle: %s", err.text);
		return;
	}
	path = realpath(name, NULL);
	result_set_extra(m->result, "bundle",
			 result_string(path ? path : name));
	fprintf(f, "Failure bundle: %s (%s/replay.sh does it again)\n", name,
		name);
	free(path);
}
