/* SPDX-License-Identifier: MIT */
/* vmferry vfio SUBCOMMAND: the table of subcommands. */
#include <stdio.h>
#include <string.h>

#include "tools/tools.h"
#include "tools/vfio_commands.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} subcommands[] = {
	{ "check", cmd_vfio_check,
	  "does a device keep the rules of migration, and of vfio-user" },
	{ "device", cmd_vfio_device,
	  "serve a migratable PCI device of our own over vfio-user" },
	{ "transfer", cmd_vfio_transfer,
	  "move a device's state to another device, without a machine" },
};

#define NR_SUBCOMMANDS (sizeof(subcommands) / sizeof(subcommands[0]))

static void print_help(FILE *f)
{
	size_t i;

	fprintf(f, "Usage: vmferry vfio SUBCOMMAND [OPTIONS]\n\n"
		   "Devices whose state moves: vfio-user and /dev/vfio.\n\n"
		   "Subcommands:\n");
	for (i = 0; i < NR_SUBCOMMANDS; i++)
		fprintf(f, "  %-10s %s\n", subcommands[i].name,
			subcommands[i].summary);
	fprintf(f, "\nvmferry vfio SUBCOMMAND --help explains each.\n\n"
		   "Example:\n"
		   "  vmferry vfio device --socket /tmp/dev.sock "
		   "--state-size 64M\n"
		   "  vmferry vfio check /tmp/dev.sock --yes\n"
		   "  vmferry vfio transfer --from /tmp/a.sock --to "
		   "/tmp/b.sock\n");
}

int cmd_vfio(int argc, char **argv)
{
	size_t i;

	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_help(stdout);
		return EXIT_DONE;
	}
	for (i = 0; i < NR_SUBCOMMANDS; i++)
		if (!strcmp(subcommands[i].name, argv[1]))
			return subcommands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "vmferry vfio: unknown subcommand '%s'; there are",
		argv[1]);
	for (i = 0; i < NR_SUBCOMMANDS; i++)
		fprintf(stderr, "%s %s", i ? "," : "", subcommands[i].name);
	fputs("\n", stderr);
	return EXIT_USAGE;
}
