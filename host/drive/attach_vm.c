/* SPDX-License-Identifier: MIT */
/* A machine that somebody else started. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "drive/attach_internal.h"
#include "drive/console.h"
#include "drive/vm_kind.h"
#include "qmp/client.h"

#define DIAL_TIMEOUT_MS 5000
#define GREETING_TIMEOUT_MS 3000

/* A path is a UNIX socket's. */
static void whole_address(const char *qmp, char address[256])
{
	snprintf(address, 256, "%s%.240s", qmp[0] == '/' ? "unix:" : "", qmp);
}

static int connect_qmp(struct drive_vm *vm, const char *option, const char *qmp,
		       struct error *err)
{
	struct error why = { "" };
	char address[256];
	int fd, rc;

	whole_address(qmp, address);
	rc = address_dial(address, -1, DIAL_TIMEOUT_MS, &fd, &why);
	if (rc)
		return error_set(err, rc == -EINVAL ? rc : -ENODEV,
				 "%s: %s: is the machine running, and is this "
				 "its QMP socket?",
				 option, why.text);
	rc = qmp_client_connect(fd, GREETING_TIMEOUT_MS, &vm->qmp, &why);
	if (rc == -ETIMEDOUT)
		return error_set(err, -ENODEV,
				 "%s %s: no greeting within %d s: QEMU serves "
				 "one client at a time, so close the other, or "
				 "give it a second -qmp",
				 option, qmp, GREETING_TIMEOUT_MS / 1000);
	if (rc)
		return error_set(err, -ENODEV,
				 "%s %s: %s: is this its QMP socket, and not "
				 "its console or its human monitor?",
				 option, qmp, why.text);
	return 0;
}

static bool lists(json_t *commands, const char *name)
{
	json_t *one;
	size_t i;

	json_array_foreach (commands, i, one) {
		const char *text =
			json_string_value(json_object_get(one, "name"));

		if (text && !strcmp(text, name))
			return true;
	}
	return false;
}

/* By what it can do, not by what it calls itself. */
static int find_kind(struct drive_vm *vm, const char *option, struct error *err)
{
	json_t *commands;
	int rc = drive_vm_execute(vm, "query-commands", NULL, &commands, err);

	if (rc)
		return rc == -ENOSYS || rc == -EREMOTEIO ? -ENODEV : rc;
	if (lists(commands, "x-query-memory"))
		vm->kind = &drive_mini;
	else if (lists(commands, "human-monitor-command"))
		vm->kind = &drive_qemu;
	if (!lists(commands, "migrate") || !lists(commands, "query-migrate"))
		vm->kind = NULL;
	json_decref(commands);
	if (vm->kind)
		return 0;
	return error_set(err, -ENODEV,
			 "%s: it speaks QMP, but it is neither QEMU nor the "
			 "mini VMM: it lacks commands for a migration",
			 option);
}

int attach_open(struct drive_vm *vm, const char *name, const char *option,
		const char *qmp, struct error *err)
{
	int rc;

	vm->attached = true;
	vm->wait_status = -1;
	snprintf(vm->name, sizeof(vm->name), "%s", name);
	rc = connect_qmp(vm, option, qmp, err);
	return rc ? rc : find_kind(vm, option, err);
}

int attach_console(struct drive_vm *vm, const char *dir, const char *option,
		   const char *where, struct error *err)
{
	struct error why = { "" };
	char log[160];
	int rc;

	if (!where)
		return 0;
	snprintf(log, sizeof(log), "%s/%s.console", dir, vm->name);
	rc = console_open(where, log, &vm->console, &why);
	return rc ? error_set(err, rc == -EINVAL ? rc : -ENODEV, "%s: %s",
			      option, why.text)
		  : 0;
}

int attach_expect_status(struct drive_vm *vm, const char *want,
			 const char *advice, struct error *err)
{
	char status[32];
	int rc = drive_vm_status(vm, status, err);

	if (rc || !strcmp(status, want))
		return rc;
	return error_set(err, -ENODEV,
			 "the %s is in state '%.20s', not '%s': %s", vm->name,
			 status, want, advice);
}

static uint64_t mini_ram_bytes(struct drive_vm *vm)
{
	json_t *regions, *one;
	uint64_t sum = 0;
	size_t i;

	if (drive_vm_execute(vm, "x-query-memory", NULL, &regions, NULL))
		return 0;
	json_array_foreach (regions, i, one) {
		const char *kind =
			json_string_value(json_object_get(one, "kind"));

		if (kind && !strcmp(kind, "ram"))
			sum += (uint64_t)json_integer_value(
				json_object_get(one, "bytes"));
	}
	json_decref(regions);
	return sum;
}

uint64_t attach_ram_bytes(struct drive_vm *vm)
{
	json_t *reply;
	uint64_t bytes;

	if (vm->kind == &drive_mini)
		return mini_ram_bytes(vm);
	if (drive_vm_execute(vm, "query-memory-size-summary", NULL, &reply,
			     NULL))
		return 0;
	bytes = (uint64_t)json_integer_value(
		json_object_get(reply, "base-memory"));
	json_decref(reply);
	return bytes;
}

const char *attach_accel(struct drive_vm *vm)
{
	json_t *reply;
	bool kvm;

	if (vm->kind == &drive_mini)
		return "kvm";
	if (drive_vm_execute(vm, "query-kvm", NULL, &reply, NULL))
		return "tcg";
	kvm = json_is_true(json_object_get(reply, "enabled"));
	json_decref(reply);
	return kvm ? "kvm" : "tcg";
}

unsigned int attach_nr_vcpus(struct drive_vm *vm)
{
	unsigned int nr;
	json_t *cpus;

	if (drive_vm_execute(vm, "query-cpus-fast", NULL, &cpus, NULL))
		return 0;
	nr = (unsigned int)json_array_size(cpus);
	json_decref(cpus);
	return nr;
}
