/* SPDX-License-Identifier: MIT */
/* vmferry vmm: the mini VMM as a process. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "machine/machine.h"
#include "tools/device_list.h"
#include "tools/dump_print.h"
#include "tools/hyperv_options.h"
#include "tools/memory_options.h"
#include "tools/options.h"
#include "tools/tools.h"
#include "vmm/boot_fault.h"

struct settings {
	uint64_t ram_bytes, cpus, base_gpa;
	struct memory_choice memory;
	const char *kernel, *append, *qmp, *serial, *incoming, *die_at;
	const char *boot_fault, *devices, *dump_state;
	unsigned int commit, nested;
	struct option_list vfio_user;
	struct hyperv_choice hyperv;
	bool paused, handover, json;
};

/* In the order of enum vm_commit. */
static const char *const commits[] = { "once", "each", "prepared", NULL };

/* In the order of enum vm_nested. */
static const char *const nesteds[] = { "auto", "on", "off", NULL };

#define AT(field) offsetof(struct settings, field)
#define AT_MEMORY(field) offsetof(struct settings, memory.field)
#define AT_HYPERV(field) offsetof(struct settings, hyperv.field)

static const struct option_spec options[] = {
	{ "ram", OPTION_SIZE, AT(ram_bytes), "SIZE",
	  "guest memory, whole 2 MiB (default 256M)", 16ull << 20, 1ull << 40,
	  NULL },
	{ "cpus", OPTION_NUMBER, AT(cpus), "N", "vCPUs, 1 to 64 (default 1)", 1,
	  64, NULL },
	MEMORY_OPTIONS(AT_MEMORY),
	{ "kernel", OPTION_STRING, AT(kernel), "FILE",
	  "a PVH ELF image (default: the built-in guest)", 0, 0, NULL },
	{ "append", OPTION_STRING, AT(append), "WORDS",
	  "key=value words for the guest, separated by spaces", 0, 0, NULL },
	{ "base", OPTION_SIZE, AT(base_gpa), "ADDRESS",
	  "where the image goes, whole 2 MiB (default: as linked)", 0,
	  4ull << 30, NULL },
	{ "qmp", OPTION_STRING, AT(qmp), "ADDRESS",
	  "serve QMP at unix:PATH or tcp:HOST:PORT, or on fd:N", 0, 0, NULL },
	{ "serial", OPTION_STRING, AT(serial), "WHERE",
	  "COM1: stdio, none, unix:PATH or fd:N (default none);\n"
	  "unix:PATH,server=on waits for who wants to talk",
	  0, 0, NULL },
	{ "incoming", OPTION_STRING, AT(incoming), "ADDRESS",
	  "wait for a migration there; defer: until migrate-incoming", 0, 0,
	  NULL },
	{ "handover", OPTION_FLAG, AT(handover), "",
	  "with --incoming: RAM comes from the source by descriptor", 0, 0,
	  NULL },
	{ "commit", OPTION_CHOICE, AT(commit), "HOW",
	  "of the memory map while the state of devices is loaded: once\n"
	  "(default), each change, or prepared: the source announces them\n"
	  "before the switchover, and the target's map is there before",
	  0, 0, commits },
	{ "devices", OPTION_STRING, AT(devices), "LIST",
	  "KIND:DEVICESxQUEUES,...: net and blk, at most 62 devices of 64\n"
	  "queues, for the guest's command 'queues' (default: none)",
	  0, 0, NULL },
	{ "vfio-user", OPTION_LIST, AT(vfio_user), "PATH",
	  "a PCI device that is served there, or on fd:N, over vfio-user;\n"
	  "up to 4 times. RAM is then a memfd, unless --backing says\n"
	  "file:PATH",
	  0, 0, NULL },
	HYPERV_OPTIONS(AT_HYPERV),
	{ "nested", OPTION_CHOICE, AT(nested), "HOW",
	  "may the guest be a hypervisor: auto (default: where the host's\n"
	  "KVM allows it), on (or refuse to start), off",
	  0, 0, nesteds },
	{ "dump-state", OPTION_STRING, AT(dump_state), "FILE",
	  "run nothing: print the state of vCPUs and devices in a snapshot\n"
	  "(migrate --snapshot), value by value",
	  0, 0, NULL },
	{ "json", OPTION_FLAG, AT(json), "", "with --dump-state: as JSON", 0, 0,
	  NULL },
	{ "paused", OPTION_FLAG, AT(paused), "", "do not run before 'cont'", 0,
	  0, NULL },
	{ "die-at", OPTION_STRING, AT(die_at), "PHASE",
	  "be killed in that phase of a migration (fault injection)", 0, 0,
	  NULL },
	{ "boot-fault", OPTION_STRING, AT(boot_fault), "KIND",
	  "boot with data that is wrong; 'list' names the kinds.\n"
	  "--append is the guest's command line then",
	  0, 0, NULL },
	{ .name = NULL },
};

static const struct command_help help = {
	.usage = "vmferry vmm [OPTIONS]",
	.text = "A small virtual machine monitor on /dev/kvm that serves a "
		"subset of QEMU's QMP.\nIt ends on 'quit', SIGTERM, or when "
		"the guest powers off.",
	.examples =
		"  vmferry vmm --ram 512M --cpus 2 --serial stdio\n"
		"  vmferry vmm --ram 1G --qmp unix:/tmp/a.qmp --serial none\n"
		"  vmferry vmm --ram 1G --qmp unix:/tmp/b.qmp --incoming "
		"unix:/tmp/m.sock\n"
		"  vmferry vmm --ram 1G --devices net:8x16,blk:16x4 --serial "
		"stdio\n"
		"  vmferry vmm --ram 1G --vfio-user /tmp/dev.sock --serial "
		"stdio\n"
		"  vmferry vmm --hyperv user --hv-time off --serial stdio\n"
		"  vmferry vmm --dump-state guest.snapshot\n"
		"  vmferry vmm --boot-fault e820-overlap --serial stdio "
		"--append duration=1s",
};

static int list_faults(void)
{
	const struct boot_fault *f;

	for (f = boot_faults; f->name; f++)
		printf("%-16s %s\n", f->name, f->text);
	return EXIT_DONE;
}

static int take_vfio_user(const struct option_list *given,
			  struct vfio_user_list *ret, struct error *err)
{
	if (given->nr > MACHINE_MAX_VFIO_USER)
		return error_set(err, -EINVAL,
				 "--vfio-user: a machine has at most %u such "
				 "devices",
				 MACHINE_MAX_VFIO_USER);
	while (ret->nr < given->nr) {
		ret->path[ret->nr] = given->item[ret->nr];
		ret->nr++;
	}
	return 0;
}

int cmd_vmm(int argc, char **argv)
{
	static const struct option_spec *const tables[] = { options, NULL };
	struct settings s = { .ram_bytes = 256ull << 20, .cpus = 1 };
	struct error err = { "" };
	struct machine_params params;
	int rc = options_parse(argc, argv, &help, tables, &s, &err);

	if (rc)
		return rc > 0 ? EXIT_DONE : tools_fail("vmm", EXIT_USAGE, &err);
	if (hyperv_options_list(&s.hyperv))
		return EXIT_DONE;
	if (s.boot_fault && !strcmp(s.boot_fault, "list"))
		return list_faults();
	if (s.boot_fault && !boot_fault_find(s.boot_fault)) {
		error_set(&err, -EINVAL,
			  "--boot-fault knows no '%s': 'list' names the kinds",
			  s.boot_fault);
		return tools_fail("vmm", EXIT_USAGE, &err);
	}
	if (s.json && !s.dump_state) {
		error_set(&err, -EINVAL, "--json is for --dump-state");
		return tools_fail("vmm", EXIT_USAGE, &err);
	}
	if (s.dump_state) {
		rc = dump_print(s.dump_state, s.json, &err);
		return rc ? tools_fail("vmm", EXIT_USAGE, &err) : EXIT_DONE;
	}
	if (s.ram_bytes % (2ull << 20) || s.base_gpa % (2ull << 20)) {
		error_set(&err, -EINVAL,
			  "--ram and --base must be multiples of 2 MiB");
		return tools_fail("vmm", EXIT_USAGE, &err);
	}
	if (hyperv_options_check(&s.hyperv, false, &err))
		return tools_fail("vmm", EXIT_USAGE, &err);
	if (s.vfio_user.nr && !s.memory.backing)
		s.memory.backing = "memfd";
	if (memory_resolve(&s.memory, NULL, s.ram_bytes, &err))
		return tools_fail("vmm", EXIT_USAGE, &err);
	params = (struct machine_params){
		.ram_bytes = s.ram_bytes,
		.nr_vcpus = (unsigned int)s.cpus,
		.backing = s.memory.memory.kind,
		.page_bytes = s.memory.memory.page_bytes,
		.backing_path = s.memory.memory.path,
		.prealloc = s.memory.memory.prealloc,
		.prealloc_how = memory_prealloc(&s.memory),
		.prealloc_async = memory_prealloc_async(&s.memory),
		.unreserved = s.memory.memory.unreserved,
		.commit = (enum vm_commit)s.commit,
		.hyperv = s.hyperv,
		.nested = (enum vm_nested)s.nested,
		.dirty_ring = s.memory.memory.ring,
		.base_gpa = s.base_gpa,
		.kernel = s.kernel,
		.append = s.append,
		.qmp = s.qmp,
		.serial = s.serial,
		.incoming = s.incoming,
		.die_at = s.die_at,
		.boot_fault = s.boot_fault,
		.handover = s.handover,
		.paused = s.paused,
		.version = VMFERRY_VERSION,
	};
	if (take_vfio_user(&s.vfio_user, &params.vfio_user, &err))
		return tools_fail("vmm", EXIT_USAGE, &err);
	if (s.devices && device_list_parse(s.devices, &params.devices, &err))
		return tools_fail("vmm", EXIT_USAGE, &err);
	if (s.devices)
		device_list_allow_descriptors();
	rc = machine_run(&params, &err);
	if (!rc)
		return EXIT_DONE;
	/* A machine that ran and then failed is a measured failure. */
	return tools_fail("vmm", rc == -EIO ? EXIT_FAILED : tools_exit_code(rc),
			  &err);
}
