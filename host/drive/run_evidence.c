/* SPDX-License-Identifier: MIT */
/* What can still be seen of a hop that went bad, as files. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drive/elf_image.h"
#include "drive/expect.h"
#include "drive/guest_view.h"
#include "drive/run_internal.h"

#define MAX_PAGES 64u
#define COPY_BYTES 65536u

struct page_pair {
	uint8_t found[ABI_PAGE_BYTES] __attribute__((aligned(64)));
	uint8_t expected[ABI_PAGE_BYTES] __attribute__((aligned(64)));
};

/* What the pages of a machine must hold, as far as it can be known. */
struct reference {
	struct drive_vm *vm;
	struct guest_view view;
	struct expect expect; /* with an epoch */
	struct elf_image image; /* data NULL = unknown */
};

static int write_file(const char *dir, const char *name, const void *data,
		      size_t bytes)
{
	char path[4352];
	FILE *f;
	int rc = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	if (!f)
		return -errno;
	if (fwrite(data, 1, bytes, f) != bytes)
		rc = -EIO;
	if (fclose(f) && !rc)
		rc = -errno;
	return rc;
}

static int write_json(const char *dir, const char *name, json_t *value)
{
	char *text = json_dumps(value ? value : json_null(),
				JSON_INDENT(2) | JSON_ENCODE_ANY);
	int rc;

	if (!text)
		return -ENOMEM;
	rc = write_file(dir, name, text, strlen(text));
	free(text);
	return rc;
}

int run_copy_log(const char *from, const char *to, const char *mode)
{
	FILE *in = fopen(from, "re"), *out = fopen(to, mode);
	char buf[COPY_BYTES];
	int rc = out ? 0 : -errno;
	size_t n;

	while (in && out && !rc && (n = fread(buf, 1, sizeof(buf), in)))
		if (fwrite(buf, 1, n, out) != n)
			rc = -EIO;
	if (in)
		fclose(in);
	if (out && fclose(out) && !rc)
		rc = -errno;
	return rc;
}

static int copy_log(const struct run *r, const char *name, const char *dir)
{
	char from[160], to[4352];

	snprintf(from, sizeof(from), "%s/%s", r->set->dir, name);
	snprintf(to, sizeof(to), "%s/%s", dir, name);
	return run_copy_log(from, to, "we");
}

/* As the run saw it last, or as the VMM tells now. */
static int write_stats(struct drive_vm *vm, json_t *seen, const char *name,
		       const char *dir)
{
	json_t *stats = json_incref(seen);
	int rc;

	if (!stats && vm->pid && vm->qmp)
		drive_vm_execute(vm, "query-migrate", NULL, &stats, NULL);
	rc = write_json(dir, name, stats);
	json_decref(stats);
	return rc;
}

static int reference_init(struct reference *ref, struct run *r,
			  struct drive_vm *vm)
{
	int rc = guest_view_read(&vm->ram, vm->control_gpa, vm->control_bytes,
				 &ref->view, NULL);

	if (rc)
		return rc;
	ref->vm = vm;
	ref->image = (struct elf_image){ .data = NULL };
	if (ref->view.has_epoch)
		expect_init(&ref->expect, &ref->view);
	if (r->set->image)
		elf_image_load(r->set->image, r->set->image_bytes,
			       ref->view.control.image_gpa, &ref->image, NULL);
	return 0;
}

static void reference_exit(struct reference *ref)
{
	elf_image_exit(&ref->image);
	guest_view_exit(&ref->view);
}

/* Return: is it known? */
static bool expected_page(const struct reference *ref, const struct finding *f,
			  uint8_t *page)
{
	const struct oracle *o = &ref->view.control.epoch;
	const uint8_t *want;
	uint64_t index;

	if (f->where == FINDING_FREE) {
		memset(page, 0, ABI_PAGE_BYTES);
		return true;
	}
	if (f->where == FINDING_IMAGE) {
		want = ref->image.data
			       ? elf_image_page(&ref->image,
						f->gfn << ABI_PAGE_SHIFT)
			       : NULL;
		if (want)
			memcpy(page, want, ABI_PAGE_BYTES);
		return want;
	}
	if (!ref->view.has_epoch || !oracle_index(o, f->gfn, &index))
		return false;
	oracle_page(o, f->gfn, expect_visit(&ref->expect, index), page);
	return true;
}

static json_t *list_page(const struct finding *f, bool found, bool expected,
			 bool same)
{
	return json_pack("{s:I, s:s, s:s, s:b, s:b, s:o}", "gfn",
			 (json_int_t)f->gfn, "class",
			 oracle_class_name(f->kind), "where",
			 finding_where_name(f->where), "found_file", found,
			 "expected_file", expected, "differs_now",
			 found && expected ? json_boolean(!same) : json_null());
}

/* One bad page: two files, and its line in the list. */
static int write_page(const struct reference *ref, const struct finding *f,
		      const char *dir, json_t *list)
{
	struct page_pair pair;
	bool found, expected;
	char name[64];
	int rc = 0;

	found = !ram_read(&ref->vm->ram, f->gfn << ABI_PAGE_SHIFT, pair.found,
			  ABI_PAGE_BYTES);
	expected = expected_page(ref, f, pair.expected);
	snprintf(name, sizeof(name), "pages/0x%" PRIx64 ".found", f->gfn);
	if (found)
		rc = write_file(dir, name, pair.found, ABI_PAGE_BYTES);
	snprintf(name, sizeof(name), "pages/0x%" PRIx64 ".expected", f->gfn);
	if (!rc && expected)
		rc = write_file(dir, name, pair.expected, ABI_PAGE_BYTES);
	json_array_append_new(
		list, list_page(f, found, expected,
				found && expected &&
					!memcmp(pair.found, pair.expected,
						ABI_PAGE_BYTES)));
	return rc;
}

/* The machine that was judged: the target, or the source that goes on. */
static int write_pages(struct run *r, const char *dir)
{
	bool source = r->out->source.checked;
	const struct findings *bad = source ? &r->out->source.integrity.findings
					    : &r->out->integrity.findings;
	struct drive_vm *vm = source ? &r->source : &r->target;
	json_t *list = json_array();
	struct reference ref;
	char path[4352];
	int rc = 0;
	size_t i;

	snprintf(path, sizeof(path), "%s/pages", dir);
	if (mkdir(path, 0777))
		rc = -errno;
	if (!rc && bad->nr && vm->pid && !reference_init(&ref, r, vm)) {
		for (i = 0; !rc && i < bad->nr && i < MAX_PAGES; i++)
			rc = write_page(&ref, &bad->item[i], dir, list);
		reference_exit(&ref);
	}
	if (!rc)
		rc = write_json(dir, "bad-pages.json", list);
	json_decref(list);
	return rc;
}

int run_evidence(const struct run_hop *hop, const char *dir, struct error *err)
{
	static const char *const logs[] = {
		"source.log",	  "target.log",	    "earlier.log",
		"source.console", "target.console", "earlier.console",
	};
	struct run *r = hop->run;
	int rc = 0;
	size_t i;

	run_stage(r, "evidence");
	/* What is read next belongs together. */
	if (r->source.pid && r->source.qmp)
		drive_vm_execute(&r->source, "stop", NULL, NULL, NULL);
	if (r->target.pid && r->target.qmp)
		drive_vm_execute(&r->target, "stop", NULL, NULL, NULL);
	rc = write_stats(&r->source, r->source_stats, "source-migrate.json",
			 dir);
	if (!rc)
		rc = write_stats(&r->target, r->target_stats,
				 "target-migrate.json", dir);
	if (!rc)
		rc = write_pages(r, dir);
	for (i = 0; !rc && i < sizeof(logs) / sizeof(logs[0]); i++)
		rc = copy_log(r, logs[i], dir);
	if (rc)
		return error_set(err, rc, "cannot write to %s: %s", dir,
				 strerror(-rc));
	return 0;
}
