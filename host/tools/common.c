/* SPDX-License-Identifier: MIT */
/* What boot and migrate share. */
#include "tools/common.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/units.h"
#include "machine/machine.h"
#include "tools/interrupt.h"
#include "tools/noise_json.h"
#include "tools/tools.h"

enum { PROGRESS_AUTO, PROGRESS_ALWAYS, PROGRESS_NEVER };

static const char *const progresses[] = { "auto", "always", "never", NULL };

#define AT(field) offsetof(struct common_settings, field)
#define AT_MEMORY(field) offsetof(struct common_settings, memory.field)

const struct option_spec common_options[] = {
	{ "ram", OPTION_SIZE, AT(ram_bytes), "SIZE",
	  "guest memory, whole 2 MiB (default 512M)", 16ull << 20, 1ull << 40,
	  NULL },
	{ "cpus", OPTION_NUMBER, AT(cpus), "N", "vCPUs, 1 to 64 (default 1)", 1,
	  ABI_MAX_VCPUS, NULL },
	MEMORY_OPTIONS(AT_MEMORY),
	{ "kernel", OPTION_STRING, AT(kernel), "FILE",
	  "another guest image (default: the built-in one)", 0, 0, NULL },
	{ "workload", OPTION_STRING, AT(workload_text), "K=V,...",
	  "what the guest does, keys joined by commas:\n"
	  "pattern=sequential|random|strided|hotcold|burst (default random)\n"
	  "stride=SIZE (default 64K) hot=PAGES%/STEPS% (default 10%/90%)\n"
	  "burst=ON/OFF (default 200ms/800ms): of those patterns\n"
	  "rate=RATE bytes/s, or Np pages/s; 0 (default): no limit;\n"
	  "  R0+R1+...: vCPU 0 at R0, 1 at R1, and so on in turn\n"
	  "phases='pattern:random&rate:10M/5s;pattern:hotcold/2s':\n"
	  "  what the keys above are, in turn\n"
	  "wss=SIZE of the memory it dirties (default half of RAM)\n"
	  "write=stamp|line|page: 16 bytes a page (default), 64, or all\n"
	  "delta=BYTES: with write=page only so many change\n"
	  "content=zero|constant|text|random|r:N (default random): N is\n"
	  "  zlib's ratio\n"
	  "dma=RATE: the machine's DMA engines write too, all together\n"
	  "  so fast, in slices of their own; 0: no limit\n"
	  "l2=cpuid|dirty|loaded|bare[:VARIANT]: vCPU 0 is a hypervisor;\n"
	  "  its guest asks it by CPUID all the time, or also writes\n"
	  "  vCPU 0's pages; or it is only prepared, or only could be\n"
	  "check=on|off: check each page before it is overwritten\n"
	  "seed=N: the same seed, the same writes (default 1)",
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

void common_init(struct common_settings *s)
{
	s->ram_bytes = 512ull << 20;
	s->cpus = 1;
	noise_begin(&s->noise);
}

static int map_kernel(struct common_settings *s, struct error *err)
{
	int fd = open(s->kernel, O_RDONLY | O_CLOEXEC), rc = 0;
	struct stat st = { .st_size = 0 };

	if (fd < 0 || fstat(fd, &st))
		rc = -errno;
	else if (!S_ISREG(st.st_mode) || !st.st_size)
		rc = -ENOEXEC;
	else
		s->mapped = mmap(NULL, (size_t)st.st_size, PROT_READ,
				 MAP_PRIVATE, fd, 0);
	if (s->mapped == MAP_FAILED) {
		rc = -errno;
		s->mapped = NULL;
	}
	if (fd >= 0)
		close(fd);
	if (rc)
		return error_set(err, -EINVAL, "cannot read --kernel %s: %s",
				 s->kernel, strerror(-rc));
	s->image = s->mapped;
	s->image_bytes = (size_t)st.st_size;
	return 0;
}

/* Better now than after the run. */
int common_check_json(const char *json, struct error *err)
{
	struct stat st;
	char *copy;
	int rc;

	if (!json || !strcmp(json, "-"))
		return 0;
	if (!json[0])
		return error_set(err, -EINVAL,
				 "--json takes a file, or - for stdout");
	if (!stat(json, &st) && S_ISDIR(st.st_mode))
		return error_set(err, -EINVAL,
				 "--json %s is a directory: name a file in it",
				 json);
	copy = strdup(json);
	rc = copy && !access(dirname(copy), W_OK) ? 0 : -errno;
	free(copy);
	if (rc)
		return error_set(err, -EINVAL,
				 "--json %s cannot be written: %s", json,
				 strerror(-rc));
	return 0;
}

int common_resolve(struct common_settings *s, struct error *err)
{
	uint64_t built_in_bytes;
	int rc;

	if (s->ram_bytes % (2ull << 20))
		return error_set(err, -EINVAL,
				 "--ram must be a multiple of 2 MiB");
	/* Found out, not chosen. */
	if (s->attached)
		rc = 0;
	else
		rc = machine_resolve(&s->machine, err);
	if (!rc && !s->attached)
		rc = memory_resolve(&s->memory,
				    s->machine.kind == DRIVE_QEMU
					    ? s->machine.qemu.accel
					    : NULL,
				    s->ram_bytes, err);
	if (!rc && s->kernel && s->machine.qemu.media != QEMU_KERNEL)
		rc = error_set(err, -EINVAL,
			       "--kernel is for --firmware pvh: --media boots "
			       "the built-in guest");
	if (rc)
		return rc;
	rc = workload_parse(s->workload_text, s->ram_bytes, &s->workload, err);
	if (!rc)
		rc = common_check_json(s->json, err);
	if (!rc && s->kernel)
		return map_kernel(s, err);
	s->image = machine_guest_image(&built_in_bytes);
	s->image_bytes = built_in_bytes;
	return rc;
}

void common_exit(struct common_settings *s)
{
	if (s->mapped)
		munmap(s->mapped, s->image_bytes);
}

static json_t *workload_params(const struct workload *w, unsigned int nr_vcpus)
{
	char hot[24], burst[24], phases[WORKLOAD_LINE_BYTES];
	json_t *rates = json_array();
	uint32_t i;

	for (i = 0; i < w->base.nr_rates; i++)
		json_array_append_new(
			rates,
			json_integer((json_int_t)w->base.rate_bytes_per_s[i]));
	return json_pack("{s:s, s:I, s:s, s:s, s:s, s:I, s:s, s:I, s:o, s:s,"
			 " s:o, s:I, s:o, s:s, s:b}",
			 "pattern", w->base.pattern, "stride_bytes",
			 (json_int_t)w->base.stride_bytes, "hot",
			 workload_hot(&w->base, hot), "burst",
			 workload_burst(&w->base, burst), "write", w->write,
			 "delta_bytes", (json_int_t)w->delta_bytes, "content",
			 w->content, "rate_bytes_per_s",
			 (json_int_t)workload_target_bytes_per_s(w, nr_vcpus),
			 "rates_bytes_per_s", rates, "phases",
			 workload_phases(w, phases), "wss_bytes",
			 w->wss_bytes ? json_integer((json_int_t)w->wss_bytes)
				      : json_null(),
			 "seed", (json_int_t)w->seed, "dma_bytes_per_s",
			 w->dma ? json_integer((json_int_t)w->dma_bytes_per_s)
				: json_null(),
			 "l2", w->l2, "check", w->check);
}

json_t *common_params(const struct common_settings *s)
{
	json_t *o = json_object();

	machine_params(&s->machine, o);
	json_object_set_new(o, "ram_bytes",
			    s->machine.unknown
				    ? json_null()
				    : json_integer((json_int_t)s->ram_bytes));
	json_object_set_new(o, "cpus",
			    s->machine.unknown
				    ? json_null()
				    : json_integer((json_int_t)s->cpus));
	memory_params(&s->memory, o);
	if (s->attached)
		json_object_set_new(o, "backing", json_null());
	json_object_set_new(o, "kernel",
			    result_string(s->kernel ? s->kernel : "built-in"));
	json_object_set_new(
		o, "workload",
		s->attached && !s->workload_text
			? json_null()
			: workload_params(&s->workload, (unsigned int)s->cpus));
	return o;
}

/* The built-in guest in the form that the machine boots. */
static const void *medium(const struct common_settings *s,
			  const char **ret_name, uint64_t *ret_bytes)
{
	switch (s->machine.qemu.media) {
	case QEMU_ISO:
	case QEMU_USB:
		*ret_name = "vmferry.iso";
		return machine_guest_iso(ret_bytes);
	case QEMU_EFI:
		*ret_name = "BOOTX64.EFI";
		return machine_guest_efi(ret_bytes);
	case QEMU_KERNEL:
		break;
	}
	*ret_name = "guest.elf";
	*ret_bytes = s->image_bytes;
	return s->image;
}

int common_kernel(const struct common_settings *s, const char *dir, char *path,
		  const char **ret_kernel, struct error *err)
{
	const char *name;
	const void *at;
	uint64_t bytes;
	FILE *f;
	int bad;

	*ret_kernel = s->kernel;
	if (s->kernel || s->machine.kind == DRIVE_MINI)
		return 0;
	at = medium(s, &name, &bytes);
	snprintf(path, PATH_MAX, "%s/%s", dir, name);
	f = fopen(path, "wxe");
	bad = !f || fwrite(at, 1, bytes, f) != bytes;
	if ((f && fclose(f)) || bad)
		return error_set(err, -EIO, "cannot write %s: %s", path,
				 strerror(errno));
	*ret_kernel = path;
	return 0;
}

void common_note_version(struct common_settings *s, const char *version)
{
	if (!s->vmm_version[0])
		snprintf(s->vmm_version, sizeof(s->vmm_version), "%s", version);
}

static void set_context(const struct common_settings *s, struct result *result)
{
	bool known = s->vmm_version[0];

	result_set_context(
		result, "vmm",
		json_pack("{s:o, s:o}", "name",
			  result_string(machine_vmm_name(&s->machine)),
			  "version",
			  known ? result_string(s->vmm_version) : json_null()));
	if (!known)
		result_warn_null(result, "context.vmm.version",
				 "no VMM came so far as to say it");
	result_set_context(result, "accelerator",
			   result_string(machine_accel_name(&s->machine)));
	if (!s->machine.unknown)
		return;
	result_warn_null(result, "context.vmm.name", "no machine was asked");
	result_warn_null(result, "context.accelerator", "no machine was asked");
}

FILE *common_out(const struct common_settings *s)
{
	return s->json && !strcmp(s->json, "-") ? stderr : stdout;
}

bool common_shows_progress(const struct common_settings *s)
{
	return s->progress == PROGRESS_ALWAYS ||
	       (s->progress == PROGRESS_AUTO && isatty(STDERR_FILENO));
}

void common_show_progress(void *ctx, const struct run_progress *p)
{
	char left[UNITS_TEXT_BYTES], sent[UNITS_TEXT_BYTES];
	char rate[UNITS_TEXT_BYTES], dirty[UNITS_TEXT_BYTES];

	if (!common_shows_progress(ctx))
		return;
	if (!p->elapsed_ns) {
		fprintf(stderr, "\r\033[K%s", p->stage);
		return;
	}
	fprintf(stderr,
		"\r\033[K%s: round %u, %.1f s, sent %s, left %s, %s, dirtied "
		"%s",
		p->stage, p->round, (double)p->elapsed_ns / 1e9,
		units_format_size(sent, p->transferred_bytes),
		units_format_size(left, p->remaining_bytes),
		units_format_rate(rate, p->bandwidth_bytes_per_s),
		units_format_rate(dirty, p->dirty_bytes_per_s));
}

void common_clear_progress(const struct common_settings *s)
{
	if (common_shows_progress(s))
		fputs("\r\033[K", stderr);
}

/* Return: the exit code that the document has, or EXIT_BROKEN. */
static int write_result(const char *command, const struct common_settings *s,
			struct result *result, bool print_noise)
{
	struct noise_report noise;
	struct error err = { "" };

	noise_end(&s->noise, &noise);
	if (print_noise)
		noise_print(&noise, common_out(s));
	set_context(s, result);
	noise_to_result(&noise, result);
	if (result_write(result, s->json, &err))
		return tools_fail(command, EXIT_BROKEN, &err);
	return result_exit_code(result);
}

static int finish_interrupted(const char *command,
			      const struct common_settings *s,
			      struct result *result)
{
	fprintf(stderr, "vmferry %s: interrupted; %s\n", command,
		s->attached ? "the attached machines live on"
			    : "nothing is left running");
	result_add_verdict(result, RESULT_ERROR);
	if (result_nr_samples(result))
		write_result(command, s, result, false);
	return INTERRUPT_EXIT;
}

int common_finish(const char *command, const struct common_settings *s,
		  struct result *result, int rc, struct error *err)
{
	int code = tools_exit_code(rc);

	common_clear_progress(s);
	if (interrupt_pending())
		return finish_interrupted(command, s, result);
	if (rc)
		tools_fail(command, code, err);
	if (code == EXIT_USAGE)
		return code;
	if (rc) {
		result_warn(result, "%s", err->text);
		result_add_verdict(result, code == EXIT_CANNOT_RUN
						   ? RESULT_SKIP
						   : RESULT_ERROR);
	}
	return write_result(command, s, result, !rc);
}
