/* SPDX-License-Identifier: MIT */
/*
 * How fast can the guest dirty memory, and what does each thing cost?
 *
 * One machine in this process: a bare store loop in ring 3, the workload
 * without and with its check, and the workload under a dirty log that is
 * collected all the time, so that nearly every step takes a fault. Figures are
 * steps of 4 KiB pages per second, median of the rounds, steal not subtracted.
 *
 * usage: dirty_rate GUEST.ELF [VCPUS [ROUNDS]]
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bitmap.h"
#include "base/clock.h"
#include "control.h"
#include "vmm/dirty.h"
#include "vmm/loader.h"
#include "vmm/vm.h"

#define RAM_BYTES (512ull << 20)
#define WSS "256M"
#define SPAN_NS (700 * NSEC_PER_MSEC)
#define WINDOW_NS (50 * NSEC_PER_MSEC)
#define MAX_ROUNDS 31u

static struct {
	pthread_mutex_t lock;
	pthread_cond_t more;
	char text[1 << 16];
	size_t used;
} out = { .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER };

static struct vm *vm;
static unsigned int nr_vcpus = 1, nr_rounds = 5;

static void die(const char *what, const struct error *err)
{
	fprintf(stderr, "dirty_rate: %s: %s\n", what, err ? err->text : "");
	exit(err ? 77 : 99);
}

static void on_serial(void *ctx, const uint8_t *bytes, size_t nr_bytes)
{
	pthread_mutex_lock(&out.lock);
	if (out.used + nr_bytes < sizeof(out.text)) {
		memcpy(out.text + out.used, bytes, nr_bytes);
		out.used += nr_bytes;
		out.text[out.used] = '\0';
	}
	pthread_cond_broadcast(&out.more);
	pthread_mutex_unlock(&out.lock);
}

static void on_failed(void *ctx, unsigned int vcpu, const char *sentence)
{
	fprintf(stderr, "dirty_rate: %s\n", sentence);
	exit(99);
}

/* Waits for @word on the console; the line's tail goes to @line. */
static void expect(const char *word, char *line, size_t room)
{
	char *at;

	pthread_mutex_lock(&out.lock);
	while (!(at = strstr(out.text, word)) || !strchr(at, '\n'))
		pthread_cond_wait(&out.more, &out.lock);
	if (line)
		snprintf(line, room, "%.*s", (int)strcspn(at, "\r\n"), at);
	out.used = 0;
	out.text[0] = '\0';
	pthread_mutex_unlock(&out.lock);
}

static void say(const char *text)
{
	vm_serial_push(vm, (const uint8_t *)text, strlen(text));
}

static const struct abi_control *control(void)
{
	return (const void *)guestmem_region(vm_memory(vm), "control")->hva;
}

static uint64_t steps(void)
{
	const struct abi_vcpu *v = (const void *)((const char *)control() +
						  control()->vcpu_offset);
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < nr_vcpus; i++)
		sum += __atomic_load_n(&v[i].steps, __ATOMIC_RELAXED);
	return sum;
}

static void boot(const char *path)
{
	static const struct vm_events events = { .serial_write = on_serial,
						 .failed = on_failed };
	struct vm_params params = {
		.nr_vcpus = nr_vcpus,
		.ram_bytes = RAM_BYTES,
		.control_bytes = abi_control_bytes(nr_vcpus),
		.events = &events,
	};
	struct loader_params lp = { .control_gpa = GUESTMEM_CONTROL_GPA,
				    .control_bytes = params.control_bytes };
	struct loader_result loaded;
	struct error err = { "" };
	static char elf[1 << 17];
	struct abi_control *c;
	FILE *f = fopen(path, "rb");
	size_t bytes = f ? fread(elf, 1, sizeof(elf), f) : 0;

	if (!bytes)
		die(path, NULL);
	fclose(f);
	if (vm_create(&params, &vm, &err))
		die("no machine", &err);
	c = (struct abi_control *)control();
	c->magic = ABI_CONTROL_MAGIC;
	c->version = ABI_VERSION;
	c->header_bytes = sizeof(*c);
	c->bytes = params.control_bytes;
	c->preset_cpus = nr_vcpus;
	if (loader_load_pvh(vm_memory(vm), elf, bytes, &lp, &loaded, &err) ||
	    vm_set_boot(vm, loaded.entry_gpa, loaded.start_info_gpa) ||
	    vm_resume(vm))
		die("no guest", &err);
	expect("event ready", NULL, 0);
}

struct figure {
	double steps_per_s, dirty_per_s;
};

static double per_s(uint64_t count, uint64_t ns)
{
	return (double)count * 1e9 / (double)ns;
}

/*
 * Clears the log, lets the guest write for a while, reads the log, again and
 * again. Between clear and read each write is a page's first (a pass is longer
 * than WINDOW_NS) and takes its fault.
 */
static struct figure collect(unsigned int cycles)
{
	const struct guestmem_region *r = &vm_memory(vm)->region[0];
	uint64_t pages = r->bytes / ABI_PAGE_BYTES, seen = 0, ns = 0, nr = 0;
	size_t bytes = BITMAP_BYTES(pages);
	uint64_t *map = malloc(bytes);

	while (map && cycles--) {
		uint64_t from, begin;

		memset(map, 0xff, bytes);
		vm_clear_dirty(vm, 0, 0, pages, map);
		from = steps();
		begin = clock_now_ns();
		clock_sleep_until_ns(begin + WINDOW_NS);
		nr += steps() - from;
		ns += clock_now_ns() - begin;
		memset(map, 0, bytes);
		vm_fetch_dirty(vm, 0, map, bytes);
		seen += bitmap_count(map, pages);
	}
	free(map);
	return (struct figure){ per_s(nr, ns), per_s(seen, ns) };
}

static struct figure span(bool logged)
{
	struct figure f = { 0, 0 };
	uint64_t begin, from;

	if (logged) {
		if (vm_log_start(vm))
			die("no dirty log", NULL);
		collect(1); /* past the all-ones */
		f = collect(SPAN_NS / WINDOW_NS);
		vm_log_stop(vm);
		return f;
	}
	begin = clock_now_ns();
	from = steps();
	clock_sleep_until_ns(begin + SPAN_NS);
	f.steps_per_s = per_s(steps() - from, clock_now_ns() - begin);
	return f;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values)
{
	qsort(values, nr_rounds, sizeof(*values), compare);
	return values[nr_rounds / 2];
}

static void start(const char *write, const char *content, bool check)
{
	char line[160];

	snprintf(line, sizeof(line),
		 "start wss=" WSS " rate=0 write=%s content=%s check=%s\n",
		 write, content, check ? "on" : "off");
	say(line);
	expect("event filled", NULL, 0);
}

static void stop(void)
{
	say("stop\n");
	expect("ok epoch", NULL, 0);
}

static void measure(const char *write, const char *content)
{
	double plain[MAX_ROUNDS], checked[MAX_ROUNDS], logged[MAX_ROUNDS];
	double dirty[MAX_ROUNDS];
	struct figure f;
	unsigned int i;

	for (i = 0; i < nr_rounds; i++) {
		start(write, content, false);
		plain[i] = span(false).steps_per_s;
		f = span(true);
		logged[i] = f.steps_per_s;
		dirty[i] = f.dirty_per_s;
		stop();
		start(write, content, true);
		checked[i] = span(false).steps_per_s;
		stop();
	}
	printf("%-6s %-7s %12.0f %12.0f %12.0f %12.0f\n", write, content,
	       median(plain), median(checked), median(logged), median(dirty));
	fflush(stdout);
}

static void bare_loop(void)
{
	double rate[MAX_ROUNDS];
	char line[256], *at;
	unsigned int i;

	start("stamp", "random", false); /* touches the memory */
	stop();
	for (i = 0; i < nr_rounds; i++) {
		say("bench stores\n");
		expect("stores_per_s=", line, sizeof(line));
		at = strchr(line, '=');
		rate[i] = strtod(at + 1, NULL);
	}
	printf("bare ring-3 store loop, 16 bytes a page: %.0f pages/s\n",
	       median(rate));
}

int main(int argc, char **argv)
{
	static const char *const writes[] = { "stamp", "page" };
	static const char *const contents[] = { "zero", "random", "r:4" };
	unsigned int w, c;

	if (argc < 2)
		die("usage: dirty_rate GUEST.ELF [VCPUS [ROUNDS]]", NULL);
	if (argc > 2)
		nr_vcpus = (unsigned int)atoi(argv[2]);
	if (argc > 3)
		nr_rounds = (unsigned int)atoi(argv[3]);
	if (!nr_vcpus || nr_vcpus > 16 || !nr_rounds || nr_rounds > MAX_ROUNDS)
		die("1 to 16 vCPUs, 1 to 31 rounds", NULL);
	boot(argv[1]);
	printf("%u vCPUs, " WSS " working set, random, median of %u\n",
	       nr_vcpus, nr_rounds);
	bare_loop();
	printf("%-6s %-7s %12s %12s %12s %12s\n", "write", "content",
	       "check=off/s", "check=on/s", "logged/s", "dirty seen/s");
	for (w = 0; w < 2; w++)
		for (c = 0; c < 3; c++)
			measure(writes[w], contents[c]);
	vm_destroy(vm);
	return 0;
}
