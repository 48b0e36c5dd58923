/* SPDX-License-Identifier: MIT */
/* The choice of memory. */
#include "tools/memory_options.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/units.h"
#include "report/result.h"

const char *const memory_dirty_logs[] = { "bitmap", "ring", NULL };

const char *const memory_preallocs[] = { "off",	     "on",    "async",
					 "serial",   "split", "even",
					 "populate", "best",  NULL };

const char *const memory_reserves[] = { "on", "off", NULL };

enum { RESERVE_ON, RESERVE_OFF };
enum { DIRTY_BITMAP, DIRTY_RING };
enum { PREALLOC_OFF, PREALLOC_ON, PREALLOC_ASYNC, PREALLOC_FIRST_METHOD };

/* QEMU asks for transparent huge pages on anonymous RAM, whatever it is told;
 * and a file of its own it makes only in a folder. */
static int check_qemu(const struct memory_choice *c, const char *accel,
		      struct error *err)
{
	const struct drive_memory *m = &c->memory;
	struct stat st;

	if (c->backing && m->kind == BACKING_ANON)
		return error_set(err, -EINVAL,
				 "--backing anon is for --vmm mini: QEMU asks "
				 "for transparent huge pages (thp)");
	if (m->kind == BACKING_FILE &&
	    (stat(m->path, &st) || !S_ISDIR(st.st_mode) ||
	     strchr(m->path, ',')))
		return error_set(err, -EINVAL,
				 "with QEMU --backing file:PATH names a "
				 "folder, without a comma: a file elsewhere "
				 "it would leave behind");
	if (c->prealloc > PREALLOC_ON)
		return error_set(err, -EINVAL,
				 "QEMU has its own way to preallocate: "
				 "--prealloc on");
	if (m->unreserved)
		return error_set(err, -EINVAL,
				 "--reserve off is for --vmm mini: QEMU takes "
				 "its way and --prealloc for a contradiction");
	if (m->ring && strcmp(accel, "kvm"))
		return error_set(err, -EINVAL,
				 "--dirty ring is KVM's: --accel %s has none",
				 accel);
	return 0;
}

int memory_resolve(struct memory_choice *c, const char *qemu_accel,
		   uint64_t ram_bytes, struct error *err)
{
	struct drive_memory *m = &c->memory;
	char size[UNITS_TEXT_BYTES];
	int rc = 0;

	*m = (struct drive_memory){
		.kind = qemu_accel ? BACKING_THP : BACKING_ANON,
		.prealloc = c->prealloc ? memory_preallocs[c->prealloc] : NULL,
		.prealloc_threads = (unsigned int)c->prealloc_threads,
		.unreserved = c->reserve == RESERVE_OFF,
		.ring = c->dirty == DIRTY_RING,
	};
	if (c->backing)
		rc = backing_parse(c->backing, &m->kind, &m->path, err);
	if (!rc && c->prealloc_threads && !c->prealloc)
		rc = error_set(err, -EINVAL,
			       "--prealloc-threads goes with --prealloc on");
	if (!rc && qemu_accel)
		rc = check_qemu(c, qemu_accel, err);
	if (rc)
		return rc;
	m->page_bytes = c->page_bytes ? c->page_bytes
				      : backing_default_page_bytes(m->kind);
	rc = backing_check(m->kind, m->page_bytes, err);
	if (!rc && ram_bytes % m->page_bytes)
		rc = error_set(err, -EINVAL,
			       "--ram must be a multiple of the page size %s",
			       units_format_size(size, m->page_bytes));
	return rc;
}

struct prealloc_config memory_prealloc(const struct memory_choice *c)
{
	return (struct prealloc_config){
		.method =
			c->prealloc < PREALLOC_FIRST_METHOD
				? PREALLOC_BEST
				: (enum prealloc_method)(c->prealloc -
							 PREALLOC_FIRST_METHOD),
		.nr_threads = (unsigned int)c->prealloc_threads,
	};
}

bool memory_prealloc_async(const struct memory_choice *c)
{
	return c->prealloc == PREALLOC_ASYNC;
}

void memory_params(const struct memory_choice *c, json_t *params)
{
	const struct drive_memory *m = &c->memory;

	json_object_set_new(params, "backing",
			    json_string(backing_names[m->kind]));
	json_object_set_new(params, "backing_path", result_string(m->path));
	json_object_set_new(params, "page_bytes",
			    json_integer((json_int_t)m->page_bytes));
	json_object_set_new(params, "prealloc",
			    json_string(memory_preallocs[c->prealloc]));
	json_object_set_new(
		params, "prealloc_threads",
		c->prealloc_threads
			? json_integer((json_int_t)c->prealloc_threads)
			: json_null());
	json_object_set_new(params, "reserve", json_boolean(!m->unreserved));
	json_object_set_new(params, "dirty",
			    json_string(memory_dirty_logs[m->ring]));
}
