/* SPDX-License-Identifier: MIT */
/* vmferry vfio device: a migratable PCI device over vfio-user. */
#include <errno.h>
#include <stddef.h>

#include "tools/options.h"
#include "tools/tools.h"
#include "tools/vfio_commands.h"

struct settings {
	const char *socket;
};

#define AT(field) offsetof(struct settings, field)

static const struct option_spec options[] = {
	{ "socket", OPTION_STRING, AT(socket), "PATH",
	  "the UNIX socket to serve at", 0, 0, NULL },
	{ .name = NULL },
};

static const struct command_help help = {
	.usage = "vmferry vfio device --socket PATH [OPTIONS]",
	.text = "A PCI device with a DMA engine whose state can be moved, "
		"served over vfio-user.",
	.examples = "  vmferry vfio device --socket /tmp/dev.sock",
};

int cmd_vfio_device(int argc, char **argv)
{
	static const struct option_spec *const tables[] = { options, NULL };
	struct settings s = { NULL };
	struct error err = { "" };
	int rc = options_parse(argc, argv, &help, tables, &s, &err);

	if (rc)
		return rc > 0 ? EXIT_DONE
			      : tools_fail("vfio device", EXIT_USAGE, &err);
	if (!s.socket) {
		error_set(&err, -EINVAL, "--socket PATH is missing");
		return tools_fail("vfio device", EXIT_USAGE, &err);
	}
	error_set(&err, -EOPNOTSUPP, "the device does not serve yet");
	return tools_fail("vfio device", EXIT_CANNOT_RUN, &err);
}
