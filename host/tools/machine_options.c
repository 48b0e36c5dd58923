/* SPDX-License-Identifier: MIT */
/* The choice of a machine. */
#include "tools/machine_options.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "report/result.h"

enum { VMM_AUTO, VMM_MINI, VMM_QEMU };
enum { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };

static const char *const vmms[] = { "auto", "mini", "qemu", NULL };
static const char *const accels[] = { "auto", "kvm", "tcg", NULL };

#define AT(field) offsetof(struct machine_choice, field)

const struct option_spec machine_options[] = {
	{ "vmm", OPTION_CHOICE, AT(vmm), "KIND",
	  "mini, qemu, or auto: mini where /dev/kvm is (default)", 0, 0, vmms },
	{ "accel", OPTION_CHOICE, AT(accel), "KIND",
	  "QEMU's: kvm, tcg, or auto (default)", 0, 0, accels },
	{ "machine", OPTION_STRING, AT(machine), "NAME",
	  "QEMU's: microvm (default with kvm), q35 (with tcg), pc", 0, 0,
	  NULL },
	{ "machine-version", OPTION_STRING, AT(version), "N.N",
	  "of q35 or pc, e.g. 7.2, for runs across QEMU versions", 0, 0, NULL },
	{ "cpu", OPTION_STRING, AT(cpu), "MODEL",
	  "QEMU's -cpu (default: qemu64,check=off or max)", 0, 0, NULL },
	{ "qemu-binary", OPTION_STRING, AT(binary), "PATH",
	  "which QEMU (default qemu-system-x86_64)", 0, 0, NULL },
	{ .name = NULL },
};

static bool have_kvm(void)
{
	return !access("/dev/kvm", R_OK | W_OK);
}

static bool asks_for_qemu(const struct machine_choice *c)
{
	return c->accel == ACCEL_TCG || c->machine || c->version || c->cpu ||
	       c->binary;
}

static void resolve_qemu(struct machine_choice *c)
{
	bool kvm =
		c->accel == ACCEL_KVM || (c->accel == ACCEL_AUTO && have_kvm());

	c->qemu = (struct drive_qemu){
		.binary = c->binary ? c->binary : "qemu-system-x86_64",
		.machine = c->machine	? c->machine
			   : c->version ? "q35"
			   : kvm	? "microvm"
					: "q35",
		.version = c->version,
		.accel = kvm ? "kvm" : "tcg",
		.cpu = c->cpu,
	};
}

int machine_resolve(struct machine_choice *c, struct error *err)
{
	bool mini = c->vmm == VMM_MINI ||
		    (c->vmm == VMM_AUTO && have_kvm() && !asks_for_qemu(c));

	if (mini && asks_for_qemu(c))
		return error_set(err, -EINVAL,
				 "--accel tcg, --machine, --machine-version, "
				 "--cpu and --qemu-binary are for --vmm qemu");
	c->kind = mini ? DRIVE_MINI : DRIVE_QEMU;
	if (mini)
		return 0;
	resolve_qemu(c);
	if (c->version && strcmp(c->qemu.machine, "q35") &&
	    strcmp(c->qemu.machine, "pc"))
		return error_set(err, -EINVAL,
				 "--machine-version is for q35 and pc: %s has "
				 "no versions",
				 c->qemu.machine);
	return 0;
}

const char *machine_vmm_name(const struct machine_choice *c)
{
	if (c->unknown)
		return NULL;
	return c->kind == DRIVE_MINI ? "mini" : "qemu";
}

const char *machine_accel_name(const struct machine_choice *c)
{
	if (c->unknown)
		return NULL;
	return c->kind == DRIVE_MINI ? "kvm" : c->qemu.accel;
}

void machine_params(const struct machine_choice *c, json_t *params)
{
	const struct drive_qemu *q = &c->qemu;

	json_object_set_new(params, "vmm", result_string(machine_vmm_name(c)));
	json_object_set_new(params, "accel",
			    result_string(machine_accel_name(c)));
	json_object_set_new(params, "machine", result_string(q->machine));
	json_object_set_new(params, "machine_version",
			    result_string(q->version));
	json_object_set_new(params, "cpu", result_string(q->cpu));
	json_object_set_new(params, "qemu_binary", result_string(q->binary));
}
