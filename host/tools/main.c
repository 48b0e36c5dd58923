/* SPDX-License-Identifier: MIT */
/* vmferry COMMAND: the table of commands. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/tools.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "boot", cmd_boot, "boot the guest, run its workload, talk to it" },
	{ "compress", cmd_compress,
	  "compressing threads alone, against the codec's limit" },
	{ "cycles", cmd_cycles, "what leaving the guest costs" },
	{ "devload", cmd_devload,
	  "what loading the state of devices costs, by the map's commits" },
	{ "dirty", cmd_dirty, "what KVM's dirty tracking costs" },
	{ "doctor", cmd_doctor, "what this host can do, and what to change" },
	{ "frontier", cmd_frontier,
	  "the largest dirty rate that meets a downtime limit" },
	{ "migrate", cmd_migrate, "migrate a running guest and verify it" },
	{ "prealloc", cmd_prealloc,
	  "map memory ahead of a guest, and measure it" },
	{ "vfio", cmd_vfio,
	  "devices whose state moves: a vfio-user device of ours" },
	{ "vmm", cmd_vmm, "the mini VMM itself, a process to drive by QMP" },
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

int tools_fail(const char *command, int code, const struct error *err)
{
	fprintf(stderr, "vmferry %s: %s\n", command,
		err->text[0] ? err->text : "failed without a word");
	return code;
}

int tools_exit_code(int errnum)
{
	switch (errnum) {
	case 0:
		return EXIT_DONE;
	case -EINVAL:
		return EXIT_USAGE;
	case -ENODEV:
	case -EACCES:
	case -EOPNOTSUPP:
		return EXIT_CANNOT_RUN;
	default:
		return EXIT_BROKEN;
	}
}

static void print_help(FILE *f)
{
	size_t i;

	fprintf(f, "Usage: vmferry COMMAND [OPTIONS]\n\n"
		   "Tests live migration and nested virtualization, and proves "
		   "that no byte is lost.\n\nCommands:\n");
	for (i = 0; i < NR_COMMANDS; i++)
		fprintf(f, "  %-10s %s\n", commands[i].name,
			commands[i].summary);
	fprintf(f, "\nvmferry COMMAND --help explains each. Exit codes: 0 done "
		   "and right; 1 what was\nmeasured failed; 2 usage; 77 cannot "
		   "run here; 99 the kit itself broke; 130 interrupted.\n\n"
		   "Example:\n"
		   "  vmferry migrate --ram 1G --cpus 2 --workload "
		   "pattern=random,rate=100M,wss=512M\n");
}

/* Standard descriptors that are closed would be given to sockets. */
static void fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	size_t i;

	fill_standard_descriptors();
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		print_help(stdout);
		return EXIT_DONE;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("vmferry %s\n", VMFERRY_VERSION);
		return EXIT_DONE;
	}
	for (i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(commands[i].name, argv[1]))
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "vmferry: unknown command '%s'; there are", argv[1]);
	for (i = 0; i < NR_COMMANDS; i++)
		fprintf(stderr, "%s %s", i ? "," : "", commands[i].name);
	fputs("\n", stderr);
	return EXIT_USAGE;
}
