/* SPDX-License-Identifier: MIT */
/* Options of `vmferry prealloc`, and what belongs together. */
#include "tools/prealloc_options.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "report/result.h"
#include "tools/common.h"

enum { TOUCH_OR, TOUCH_REWRITE };
enum { PROGRESS_AUTO, PROGRESS_ALWAYS };

static const char *const touches[] = { "or", "rewrite", NULL };
static const char *const progresses[] = { "auto", "always", "never", NULL };

#define AT(field) offsetof(struct prealloc_settings, field)

const struct option_spec prealloc_options[] = {
	{ "ram", OPTION_SIZE, AT(ram_bytes), "SIZE",
	  "memory, whole pages (default 512M)", 4096, 1ull << 45, NULL },
	{ "backing", OPTION_STRING, AT(backing_text), "KIND",
	  "anon (default), thp, hugetlb, memfd, or file:PATH, where PATH\n"
	  "is a folder or a name not taken; with --compare: this one only",
	  0, 0, NULL },
	{ "page-size", OPTION_SIZE, AT(page_bytes), "SIZE",
	  "4K, 2M or 1G (default: 4K; of thp and hugetlb 2M)", 0, 0, NULL },
	{ "method", OPTION_CHOICE, AT(method), "NAME",
	  "serial: one thread touches\n"
	  "split: n / threads pages each, the remainder to the last\n"
	  "even: the remainder spread, all start together\n"
	  "populate: as even, by MADV_POPULATE_WRITE\n"
	  "best: chunks from a shared counter (default)",
	  0, 0, prealloc_method_names },
	{ "threads", OPTION_STRING, AT(threads_text), "N|auto",
	  "1 to 1024; auto: CPUs we may use, --cpus, at most 16 (default)", 0,
	  0, NULL },
	{ "cpus", OPTION_NUMBER, AT(cpus), "N",
	  "vCPUs of the guest that it is for: a bound of --threads auto", 1,
	  4096, NULL },
	{ "touch", OPTION_CHOICE, AT(touch), "HOW",
	  "or: atomic OR of 0 (default); rewrite: read and write back, the\n"
	  "way of before, which loses others' stores: private memory only",
	  0, 0, touches },
	{ "reserve", OPTION_ONOFF, AT(reserve), "on|off",
	  "have huge pages promised when they are mapped (default on); off:\n"
	  "where the pool is too small, a touch fails",
	  0, 0, NULL },
	{ "pin", OPTION_FLAG, AT(pin), "", "each thread to one CPU, in turn", 0,
	  0, NULL },
	{ "numa-node", OPTION_NUMBER, AT(node), "N",
	  "memory and threads on that node", 0, 1023, NULL },
	{ "repeat", OPTION_NUMBER, AT(repeat), "N",
	  "how often (default 1; with --compare 3)", 1, 100000, NULL },
	{ "warmup", OPTION_NUMBER, AT(warmup), "N",
	  "before that (default 0; with --compare 1)", 0, 1000, NULL },
	{ "compare", OPTION_FLAG, AT(compare), "",
	  "all methods, 1, 2, 4, 8, 16 and auto threads, all kinds of pages\n"
	  "in turn, and the rate at which the kernel clears such pages",
	  0, 0, NULL },
	{ "vmm", OPTION_STRING, AT(vmm), "mini|qemu|both",
	  "with --compare: start-up and migration of whole machines instead,\n"
	  "with preallocation and without (memory: thp, unless --backing)",
	  0, 0, NULL },
	{ "json", OPTION_STRING, AT(json), "FILE|-",
	  "write the result there; -: to stdout, tables to stderr", 0, 0,
	  NULL },
	{ "dry-run", OPTION_FLAG, AT(dry_run), "",
	  "print the resolved configuration and stop", 0, 0, NULL },
	{ "progress", OPTION_CHOICE, AT(progress), "WHEN",
	  "status line on stderr: auto, always, never", 0, 0, progresses },
	{ .name = NULL },
};

#define NOT_GIVEN UINT64_MAX

void prealloc_defaults(struct prealloc_settings *s)
{
	*s = (struct prealloc_settings){
		.ram_bytes = 512ull << 20,
		.node = PREALLOC_NO_NODE,
		.repeat = NOT_GIVEN,
		.warmup = NOT_GIVEN,
		.method = PREALLOC_BEST,
		.threads_text = "auto",
		.reserve = true,
	};
}

static int resolve_backing(struct prealloc_settings *s, struct error *err)
{
	const char *text = s->backing_text ? s->backing_text
			   : s->vmm	   ? "thp"
					   : "anon";
	int rc = backing_parse(text, &s->backing, &s->path, err);

	if (rc)
		return rc;
	s->backing_given = s->backing_text;
	if (!s->page_bytes)
		s->page_bytes = backing_default_page_bytes(s->backing);
	return backing_check(s->backing, s->page_bytes, err);
}

static int resolve_threads(struct prealloc_settings *s, struct error *err)
{
	uint64_t nr = 1;

	if (!strcmp(s->threads_text, "auto"))
		nr = prealloc_auto_threads((unsigned int)s->cpus);
	else if (units_parse_u64(s->threads_text, 1, PREALLOC_MAX_THREADS, &nr))
		return error_set(err, -EINVAL,
				 "--threads takes 1 to %u, or auto, not '%s'",
				 PREALLOC_MAX_THREADS, s->threads_text);
	s->threads = s->method == PREALLOC_SERIAL ? 1 : (unsigned int)nr;
	return 0;
}

static int check_touch(const struct prealloc_settings *s, struct error *err)
{
	if (s->touch != TOUCH_REWRITE)
		return 0;
	if (s->backing == BACKING_MEMFD || s->backing == BACKING_FILE)
		return error_set(err, -EINVAL,
				 "--touch rewrite loses others' stores: not "
				 "on shared memory (--backing %s)",
				 backing_names[s->backing]);
	if (s->method > PREALLOC_EVEN || s->compare)
		return error_set(err, -EINVAL,
				 "--touch rewrite goes with --method serial, "
				 "split and even");
	return 0;
}

static int check_vmm(const struct prealloc_settings *s, struct error *err)
{
	if (!s->vmm)
		return 0;
	if (strcmp(s->vmm, "mini") && strcmp(s->vmm, "qemu") &&
	    strcmp(s->vmm, "both"))
		return error_set(err, -EINVAL,
				 "--vmm takes mini, qemu or both, not '%s'",
				 s->vmm);
	if (!s->compare)
		return error_set(err, -EINVAL, "--vmm goes with --compare");
	if (strcmp(s->vmm, "mini") && s->backing == BACKING_ANON)
		return error_set(err, -EINVAL,
				 "QEMU asks for transparent huge pages: "
				 "--backing anon is for --vmm mini");
	if (s->ram_bytes < 64ull << 20 || s->ram_bytes % (2ull << 20))
		return error_set(err, -EINVAL,
				 "with --vmm --ram is at least 64M, whole "
				 "2 MiB");
	return 0;
}

int prealloc_resolve(struct prealloc_settings *s, struct error *err)
{
	char size[UNITS_TEXT_BYTES];
	int rc;

	if (s->repeat == NOT_GIVEN)
		s->repeat = s->compare ? 3 : 1;
	if (s->warmup == NOT_GIVEN)
		s->warmup = s->compare;
	rc = resolve_backing(s, err);
	if (!rc)
		rc = resolve_threads(s, err);
	if (!rc)
		rc = check_touch(s, err);
	if (!rc)
		rc = check_vmm(s, err);
	if (!rc)
		rc = common_check_json(s->json, err);
	if (!rc && s->ram_bytes % s->page_bytes)
		return error_set(err, -EINVAL,
				 "--ram must be whole pages of %s",
				 units_format_size(size, s->page_bytes));
	return rc;
}

static json_t *number_or_null(uint64_t value, uint64_t none)
{
	return value == none ? json_null() : json_integer((json_int_t)value);
}

json_t *prealloc_params(const struct prealloc_settings *s)
{
	return json_pack(
		"{s:I, s:s, s:o, s:I, s:s, s:I, s:o, s:s, s:b, s:b, s:o, s:I, "
		"s:I, s:b, s:s?}",
		"ram_bytes", (json_int_t)s->ram_bytes, "backing",
		backing_names[s->backing], "path",
		s->path ? result_string(s->path) : json_null(), "page_bytes",
		(json_int_t)s->page_bytes, "method",
		prealloc_method_names[s->method], "threads",
		(json_int_t)s->threads, "cpus", number_or_null(s->cpus, 0),
		"touch", touches[s->touch], "reserve", s->reserve, "pin",
		s->pin, "numa_node", number_or_null(s->node, PREALLOC_NO_NODE),
		"repeat", (json_int_t)s->repeat, "warmup",
		(json_int_t)s->warmup, "compare", s->compare, "vmm", s->vmm);
}

struct prealloc_config prealloc_config_of(const struct prealloc_settings *s)
{
	return (struct prealloc_config){
		.method = (enum prealloc_method)s->method,
		.nr_threads = s->threads,
		.pin = s->pin,
		.bind = s->node != PREALLOC_NO_NODE,
		.node = (unsigned int)s->node,
		.rewrite = s->touch == TOUCH_REWRITE,
	};
}

FILE *prealloc_out(const struct prealloc_settings *s)
{
	return s->json && !strcmp(s->json, "-") ? stderr : stdout;
}

bool prealloc_shows_progress(const struct prealloc_settings *s)
{
	return s->progress == PROGRESS_ALWAYS ||
	       (s->progress == PROGRESS_AUTO && isatty(STDERR_FILENO));
}
