/* SPDX-License-Identifier: MIT */
/* Is there a KVM, whose is it, and does a machine come up on it? */
#include "vmm/probe.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/procfile.h"
#include "vmm/vm_impl.h"

#define CPUINFO_BYTES 16384u /* more than one CPU's block */

static bool add_device(const char *path, struct checks *checks, int *ret_fd)
{
	struct error err = { "" };
	struct check *row;
	const char *colon;
	int rc = vm_open_kvm(path, ret_fd, &err);

	if (!rc) {
		check_value(checks_add(checks, CHECK_OK, "kvm.device"),
			    "%s, API version %d", path, KVM_API_VERSION);
		return true;
	}
	row = checks_add(checks, rc == -ENODEV ? CHECK_ABSENT : CHECK_PROBLEM,
			 "kvm.device");
	/* The sentence is "what went wrong: what to do". */
	colon = strstr(err.text, "): ");
	colon = colon ? colon + 1 : strchr(err.text, ':');
	if (colon) {
		check_value(row, "%.*s", (int)(colon - err.text), err.text);
		check_advice(row, "%s", colon + 2);
	} else {
		check_value(row, "%s", err.text);
	}
	return false;
}

static int add_machine(const char *path, struct checks *checks,
		       struct vm **ret_vm)
{
	const struct vm_params params = {
		.nr_vcpus = 1,
		.ram_bytes = VM_MIN_RAM_BYTES,
		.backing = BACKING_ANON,
		.kvm_path = path,
	};
	struct error err = { "" };
	uint64_t start_ns = clock_now_ns();
	int rc = vm_create(&params, ret_vm, &err);

	if (rc)
		check_advice(check_value(checks_add(checks, CHECK_PROBLEM,
						    "kvm.mini_vmm"),
					 "%s", err.text),
			     "boot a newer host kernel, or use QEMU: "
			     "--vmm qemu");
	else
		check_value(checks_add(checks, CHECK_OK, "kvm.mini_vmm"),
			    "runs; a machine is made in %.1f ms",
			    (double)(clock_now_ns() - start_ns) / 1e6);
	return rc;
}

/* kvm_amd, kvm_intel or whatever else gives the kvm module its hardware. */
static bool find_module(char *name, size_t room)
{
	DIR *dir = opendir("/sys/module");
	struct dirent *entry;
	bool found = false;

	while (!found && dir && (entry = readdir(dir))) {
		found = !strncmp(entry->d_name, "kvm_", 4);
		if (found)
			snprintf(name, room, "%s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void add_nested(const char *module, struct checks *checks)
{
	char path[384], text[16];
	struct check *row;

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/nested",
		 module);
	if (procfile_read(path, text, sizeof(text))) {
		row = checks_add(checks, CHECK_ABSENT, "kvm.nested");
		check_value(row, "%s has no parameter nested", module);
		check_advice(row, "run nested guests on a host with kvm_intel "
				  "or kvm_amd");
	} else if (text[0] == 'Y' || text[0] == '1') {
		check_value(checks_add(checks, CHECK_OK, "kvm.nested"),
			    "%s: nested=%s", module, text);
	} else {
		row = checks_add(checks, CHECK_NOTE, "kvm.nested");
		check_value(row, "%s: nested=%s", module, text);
		check_advice(row,
			     "reload it: modprobe -r %s && modprobe %s "
			     "nested=1",
			     module, module);
	}
}

void probe_kvm_provider(struct checks *checks)
{
	char module[256] = "built into the kernel", text[CPUINFO_BYTES];
	bool known = find_module(module, sizeof(module));
	const char *by;
	struct check *row;

	procfile_read("/proc/cpuinfo", text, sizeof(text));
	by = procfile_has_word(text, "svm")   ? "AMD SVM"
	     : procfile_has_word(text, "vmx") ? "Intel VMX"
					      : NULL;
	row = checks_add(checks, by ? CHECK_OK : CHECK_NOTE, "kvm.provider");
	if (by) {
		check_value(row, "%s, %s", module, by);
	} else {
		check_value(row,
			    "%s: software, the CPU offers neither svm nor "
			    "vmx",
			    module);
		check_advice(row, "expect ring 0 of guests to be emulated and "
				  "slow, or choose a host with nested "
				  "virtualization for firmware and kernels");
	}
	if (known)
		add_nested(module, checks);
}

bool probe_kvm(const char *path, struct checks *checks)
{
	struct vm *vm = NULL;
	int fd, rc;

	if (!path)
		path = "/dev/kvm";
	if (!add_device(path, checks, &fd))
		return false;
	rc = add_machine(path, checks, &vm);
	probe_kvm_provider(checks);
	probe_kvm_caps(rc ? fd : vm->fd, rc ? -1 : vm->vcpu[0].fd, checks);
	vm_destroy(vm);
	close(fd);
	return !rc;
}
