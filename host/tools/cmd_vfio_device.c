/* SPDX-License-Identifier: MIT */
/* vmferry vfio device: a migratable PCI device over vfio-user. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/address.h"
#include "tools/options.h"
#include "tools/tools.h"
#include "tools/vfio_commands.h"
#include "vfio/device.h"
#include "vfio/device_faults.h"
#include "vfio/device_states.h"

#define NAME "vfio device"

struct settings {
	const char *socket, *fail;
	struct option_list faults;
	uint64_t state_bytes, precopy_rate, initial_bytes;
	uint64_t save_delay_ns, load_delay_ns, fd;
	bool p2p, precopy, quiet;
	unsigned int protocol, mapping;
};

/* In the order of enum device_protocol and enum device_mapping. */
static const char *const protocols[] = { "v2", "v1", NULL };
static const char *const mappings[] = { "whole", "sparse", "off", NULL };

#define AT(field) offsetof(struct settings, field)
#define NO_FD UINT32_MAX

static const struct option_spec options[] = {
	{ "socket", OPTION_STRING, AT(socket), "PATH",
	  "serve at this UNIX socket, one client after another", 0, 0, NULL },
	{ "socket-path", OPTION_STRING, AT(socket), "PATH",
	  "the same, as vfio-user's conventions call it", 0, 0, NULL },
	{ "fd", OPTION_NUMBER, AT(fd), "N",
	  "serve the one client that is connected there", 0, INT32_MAX, NULL },
	{ "state-size", OPTION_SIZE, AT(state_bytes), "SIZE",
	  "state beside registers and memory (default 1M)", 0, 1ull << 40,
	  NULL },
	{ "precopy-rate", OPTION_RATE, AT(precopy_rate), "RATE",
	  "that state changes while it runs (default 0)", 0, 0, NULL },
	{ "initial-bytes", OPTION_SIZE, AT(initial_bytes), "SIZE",
	  "of it, that pre-copy gives first (default: all)", 0, 0, NULL },
	{ "p2p", OPTION_ONOFF, AT(p2p), "on|off",
	  "has the P2P states (default on)", 0, 0, NULL },
	{ "precopy", OPTION_ONOFF, AT(precopy), "on|off",
	  "has pre-copy (default on)", 0, 0, NULL },
	{ "protocol", OPTION_CHOICE, AT(protocol), "HOW",
	  "v2 (default): features and data messages; v1: a migration region", 0,
	  0, protocols },
	{ "mapping", OPTION_CHOICE, AT(mapping), "HOW",
	  "BAR 2, and with v1 the data, may be mapped: whole (default),\n"
	  "sparse (all but the first page), off",
	  0, 0, mappings },
	{ "save-delay", OPTION_TIME, AT(save_delay_ns), "TIME",
	  "that entering STOP_COPY takes", 0, 60000000000ull, NULL },
	{ "load-delay", OPTION_TIME, AT(load_delay_ns), "TIME",
	  "that leaving RESUMING takes", 0, 60000000000ull, NULL },
	{ "fail", OPTION_STRING, AT(fail), "STATE:ERRNO",
	  "going to that state fails: STOP_COPY:5", 0, 0, NULL },
	{ "fault", OPTION_LIST, AT(faults), "KIND",
	  "do that wrong; 'list' says what there is", 0, 0, NULL },
	{ "quiet", OPTION_FLAG, AT(quiet), "",
	  "say nothing about clients that were left", 0, 0, NULL },
	{ .name = NULL },
};

static const struct command_help help = {
	.usage = "vmferry vfio device --socket PATH [OPTIONS]",
	.text = "A PCI device whose state can be moved, served over vfio-user "
		"until it is\ninterrupted: a DMA engine that writes memory as "
		"the guest's workload does, MSI-X,\n64 KiB of memory, and "
		"state in any amount. It can also be wrong on purpose.",
	.examples = "  vmferry vfio device --socket /tmp/dev.sock\n"
		    "  vmferry vfio device --socket /tmp/dev.sock "
		    "--state-size 256M --precopy-rate 10M\n"
		    "  vmferry vfio device --socket /tmp/dev.sock "
		    "--fault missed-dirty",
};

static int list_faults(void)
{
	unsigned int i;

	for (i = 0; i < FAULT_NR; i++)
		printf("%-22s %s\n%-22s   (%s)\n", device_faults[i].name,
		       device_faults[i].text, "", device_faults[i].rule);
	return EXIT_DONE;
}

static int parse_faults(const struct settings *s, uint32_t *ret,
			struct error *err)
{
	enum device_fault fault;
	unsigned int i;

	for (i = 0; i < s->faults.nr; i++) {
		if (device_fault_find(s->faults.item[i], &fault))
			return error_set(err, -EINVAL,
					 "--fault knows no '%s': 'list' names "
					 "the kinds",
					 s->faults.item[i]);
		*ret |= 1u << fault;
	}
	return 0;
}

static int parse_fail(const char *text, struct device_params *p,
		      struct error *err)
{
	const char *colon = text ? strchr(text, ':') : NULL;
	char name[32], *end;
	long number;

	if (!text)
		return 0;
	number = colon ? strtol(colon + 1, &end, 10) : 0;
	if (!colon || (size_t)(colon - text) >= sizeof(name) || *end ||
	    number < 1 || number > 4095)
		return error_set(err, -EINVAL,
				 "--fail wants STATE:ERRNO, like STOP_COPY:5");
	memcpy(name, text, (size_t)(colon - text));
	name[colon - text] = 0;
	if (device_state_parse(name, &p->fail_state))
		return error_set(err, -EINVAL, "--fail knows no state '%s'",
				 name);
	p->fail_errno = (int)number;
	return 0;
}

/* Readable as soon as the process is to end. */
static int catch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void say(void *ctx, const char *text)
{
	const struct settings *s = ctx;

	if (!s->quiet)
		fprintf(stderr, "vmferry " NAME ": %s\n", text);
}

static int serve_at(struct vfio_device *d, struct settings *s, int stop_fd,
		    struct error *err)
{
	char address[4096];
	int fd, rc;

	if ((size_t)snprintf(address, sizeof(address), "unix:%s", s->socket) >=
	    sizeof(address))
		return error_set(err, -EINVAL,
				 "--socket: the path is too long");
	rc = address_listen(address, &fd, err);
	if (rc)
		return rc;
	printf("ready %s\n", s->socket);
	fflush(stdout);
	rc = vfio_device_serve(d, fd, stop_fd, say, s);
	if (rc)
		error_set(err, rc, "cannot serve at %s: %s", s->socket,
			  strerror(-rc));
	close(fd);
	address_unlink(address);
	return rc;
}

static int run(const struct device_params *params, struct settings *s,
	       struct error *err)
{
	int stop_fd = catch_signals();
	struct vfio_device *d;
	int rc;

	if (stop_fd < 0)
		return error_set(err, -errno, "cannot catch signals");
	rc = vfio_device_create(params, &d);
	if (rc) {
		error_set(err, rc, "cannot make the device: %s", strerror(-rc));
	} else if (s->socket) {
		rc = serve_at(d, s, stop_fd, err);
		vfio_device_destroy(d);
	} else {
		rc = vfio_device_serve_one(d, (int)s->fd, stop_fd, err);
		vfio_device_destroy(d);
		if (rc == -ENODATA)
			rc = 0;
	}
	close(stop_fd);
	return rc;
}

static int resolve(struct settings *s, struct device_params *p,
		   struct error *err)
{
	int rc = parse_faults(s, &p->faults, err);

	if (!rc)
		rc = parse_fail(s->fail, p, err);
	if (!rc && !s->socket == (s->fd == NO_FD))
		rc = error_set(err, -EINVAL,
			       "one of --socket PATH and --fd N is wanted");
	p->state_bytes = s->state_bytes;
	p->precopy_rate_bytes_per_s = s->precopy_rate;
	p->initial_bytes = s->initial_bytes;
	p->save_delay_ns = s->save_delay_ns;
	p->load_delay_ns = s->load_delay_ns;
	p->p2p = s->p2p;
	p->precopy = s->precopy;
	p->protocol = (enum device_protocol)s->protocol;
	p->mapping = (enum device_mapping)s->mapping;
	return rc;
}

int cmd_vfio_device(int argc, char **argv)
{
	static const struct option_spec *const tables[] = { options, NULL };
	struct settings s = { .state_bytes = 1 << 20,
			      .initial_bytes = UINT64_MAX,
			      .fd = NO_FD,
			      .p2p = true,
			      .precopy = true };
	struct device_params params = { .faults = 0 };
	struct error err = { "" };
	int rc = options_parse(argc, argv, &help, tables, &s, &err);

	if (rc)
		return rc > 0 ? EXIT_DONE : tools_fail(NAME, EXIT_USAGE, &err);
	if (s.faults.nr && !strcmp(s.faults.item[0], "list"))
		return list_faults();
	if (resolve(&s, &params, &err))
		return tools_fail(NAME, EXIT_USAGE, &err);
	rc = run(&params, &s, &err);
	return rc ? tools_fail(NAME, tools_exit_code(rc), &err) : EXIT_DONE;
}
