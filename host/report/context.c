/* SPDX-License-Identifier: MIT */
/* The host that a result was measured on, as it describes itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "report/result_priv.h"

/* First line of @path that begins with @prefix, without its end. */
static bool read_line(const char *path, const char *prefix, char *line,
		      size_t bytes)
{
	FILE *f = fopen(path, "re");
	bool found = false;

	if (!f)
		return false;
	while (!found && fgets(line, (int)bytes, f))
		found = !strncmp(line, prefix, strlen(prefix));
	fclose(f);
	if (found)
		line[strcspn(line, "\n")] = '\0';
	return found;
}

uint64_t context_steal_ms(void)
{
	unsigned long long ticks;
	char line[512];
	long hz = sysconf(_SC_CLK_TCK);

	/* cpu user nice system idle iowait irq softirq steal: proc(5) */
	if (hz <= 0 || !read_line("/proc/stat", "cpu ", line, sizeof(line)) ||
	    sscanf(line, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &ticks) != 1)
		return 0;
	return ticks * 1000 / (unsigned long)hz;
}

static json_t *kernel(void)
{
	struct utsname u;
	char text[256];

	if (uname(&u))
		return json_null();
	snprintf(text, sizeof(text), "%s %s %s", u.sysname, u.release,
		 u.machine);
	return result_string(text);
}

static json_t *cpu_model(void)
{
	char line[512], *colon;

	if (!read_line("/proc/cpuinfo", "model name", line, sizeof(line)))
		return json_null();
	colon = strstr(line, ": ");
	return result_string(colon ? colon + 2 : line);
}

static json_t *memory_bytes(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);

	if (pages <= 0 || bytes <= 0)
		return json_null();
	return json_integer((json_int_t)pages * bytes);
}

/* "always [madvise] never" -> "madvise" */
static json_t *thp_mode(void)
{
	char line[128], *open, *close;

	if (!read_line("/sys/kernel/mm/transparent_hugepage/enabled", "", line,
		       sizeof(line)))
		return json_null();
	open = strchr(line, '[');
	close = open ? strchr(open, ']') : NULL;
	if (!close)
		return json_null();
	*close = '\0';
	return result_string(open + 1);
}

static json_t *nr_hugepages(void)
{
	char line[64];

	if (!read_line("/proc/sys/vm/nr_hugepages", "", line, sizeof(line)))
		return json_null();
	return json_integer(strtoll(line, NULL, 10));
}

static json_t *started_at(void)
{
	time_t now = time(NULL);
	struct tm tm;
	char text[32];

	if (!gmtime_r(&now, &tm))
		return json_null();
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return result_string(text);
}

static json_t *command_line(const struct result_params *params)
{
	json_t *list = json_array();
	int i;

	for (i = 0; list && i < params->argc; i++) {
		if (json_array_append_new(list,
					  result_string(params->argv[i]))) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

void context_fill(struct result *r, const struct result_params *params)
{
	json_t *c = r->context;

	result_put(r, c, "vmferry_version", result_string(params->version));
	result_put(r, c, "command_line", command_line(params));
	result_put(r, c, "started_at", started_at());
	result_put(r, c, "kernel", kernel());
	result_put(r, c, "cpu_model", cpu_model());
	result_put(r, c, "nr_cpus",
		   json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	result_put(r, c, "memory_bytes", memory_bytes());
	result_put(r, c, "huge_pages",
		   json_pack("{s:o, s:o}", "thp", thp_mode(), "nr_hugepages",
			     nr_hugepages()));
	result_put(r, c, "vmm", json_null());
	result_put(r, c, "accelerator", json_null());
	result_put(r, c, "host_steal_ms", json_integer(0));
}
