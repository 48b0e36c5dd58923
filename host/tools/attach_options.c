/* SPDX-License-Identifier: MIT */
/* The options that name two machines which run already. */
#include "tools/attach_options.h"

#include <errno.h>
#include <string.h>

#include "base/units.h"

/* They start machines, repeat that, or do harm: not to somebody else's. */
static const char *const refused[] = {
	"ram",	       "cpus",	   "backing",	  "vmm",
	"accel",       "machine",  "cpu",	  "machine-version",
	"firmware",    "media",	   "qemu-binary", "qemu-source",
	"qemu-target", "repeat",   "hops",	  "for",
	"ab",	       "bundle",   "heartbeat",	  "tsc-shift",
	"sabotage",    "fault",	   "seed",	  "transport",
	"snapshot",    "channels", "commit",	  "idle",
	"dirty",       "prealloc", "page-size",	  "prealloc-threads",
	"reserve",
};

static const char *has(int argc, char **argv, const char *name)
{
	size_t n = strlen(name);
	int i;

	for (i = 1; i < argc; i++)
		if (!strncmp(argv[i], "--", 2) &&
		    !strncmp(argv[i] + 2, name, n) &&
		    (!argv[i][n + 2] || argv[i][n + 2] == '='))
			return name;
	return NULL;
}

static int refuse(int argc, char **argv, struct error *err)
{
	const char *name = NULL;
	size_t i;

	for (i = 0; !name && i < sizeof(refused) / sizeof(refused[0]); i++)
		name = has(argc, argv, refused[i]);
	if (!name)
		return 0;
	return error_set(err, -EINVAL,
			 "--%s has no place with --source-qmp: those machines "
			 "run already, and are migrated once and left whole",
			 name);
}

/* unix:PATH, tcp:HOST:PORT, or an absolute path. */
static bool is_place(const char *text)
{
	const char *colon = strrchr(text, ':');
	uint64_t port;

	if (text[0] == '/')
		return true;
	if (!strncmp(text, "unix:", 5))
		return text[5];
	return !strncmp(text, "tcp:", 4) && colon > text + 3 &&
	       !units_parse_u64(colon + 1, 1, 65535, &port);
}

static int check_places(const struct attach_choice *c, struct error *err)
{
	const struct {
		const char *name, *text;
	} place[] = {
		{ "source-qmp", c->source_qmp },
		{ "target-qmp", c->target_qmp },
		{ "source-console", c->source_console },
		{ "target-console", c->target_console },
	};
	size_t i;

	for (i = 0; i < sizeof(place) / sizeof(place[0]); i++)
		if (place[i].text && !is_place(place[i].text))
			return error_set(err, -EINVAL,
					 "--%s takes unix:PATH, tcp:HOST:PORT "
					 "or an absolute path, not '%s'",
					 place[i].name, place[i].text);
	if (c->uri && (c->uri[0] == '/' || !is_place(c->uri)))
		return error_set(err, -EINVAL,
				 "--uri takes tcp:HOST:PORT or unix:PATH, not "
				 "'%s'",
				 c->uri);
	return 0;
}

static int check_ends(const struct attach_choice *c, bool has_workload,
		      struct error *err)
{
	if (!c->source_qmp != !c->target_qmp)
		return error_set(err, -EINVAL,
				 "--source-qmp and --target-qmp go together: "
				 "%s is missing",
				 c->source_qmp ? "--target-qmp"
					       : "--source-qmp");
	if (!c->source_qmp &&
	    (c->source_console || c->target_console || c->uri))
		return error_set(err, -EINVAL,
				 "%s is for machines that run already: name "
				 "them by --source-qmp and --target-qmp",
				 c->source_console   ? "--source-console"
				 : c->target_console ? "--target-console"
						     : "--uri");
	if (c->source_qmp && !strcmp(c->source_qmp, c->target_qmp))
		return error_set(err, -EINVAL,
				 "--source-qmp and --target-qmp are the same "
				 "machine");
	if (c->source_qmp && has_workload && !c->source_console)
		return error_set(err, -EINVAL,
				 "--workload needs --source-console, by which "
				 "the guest is told to start it");
	return 0;
}

int attach_resolve(const struct attach_choice *c, int argc, char **argv,
		   bool has_workload, struct run_attach *ret_attach,
		   struct error *err)
{
	int rc = check_ends(c, has_workload, err);

	if (!rc)
		rc = check_places(c, err);
	if (!rc && c->source_qmp)
		rc = refuse(argc, argv, err);
	if (rc)
		return rc;
	*ret_attach = (struct run_attach){
		.source_qmp = c->source_qmp,
		.target_qmp = c->target_qmp,
		.source_console = c->source_console,
		.target_console = c->target_console,
		.uri = c->uri,
		.keep = c->source_qmp && !has_workload,
	};
	return 0;
}
