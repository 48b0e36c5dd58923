/* SPDX-License-Identifier: MIT */
/* The choice of a machine. */
#include "tools/machine_options.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/procfile.h"
#include "drive/qemu_media.h"
#include "report/result.h"
#include "tools/device_list.h"
#include "tools/hyperv_options.h"

enum { VMM_AUTO, VMM_MINI, VMM_QEMU };
enum { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };
enum { FIRMWARE_AUTO, FIRMWARE_PVH, FIRMWARE_BIOS, FIRMWARE_UEFI };
enum { MEDIA_AUTO, MEDIA_KERNEL, MEDIA_ISO, MEDIA_USB, MEDIA_EFI };

static const char *const vmms[] = { "auto", "mini", "qemu", NULL };
static const char *const accels[] = { "auto", "kvm", "tcg", NULL };
static const char *const firmwares[] = { "auto", "pvh", "bios", "uefi", NULL };
static const char *const medias[] = {
	"auto", "kernel", "iso", "usb", "efi", NULL,
};

#define AT(field) offsetof(struct machine_choice, field)
#define AT_HYPERV(field) offsetof(struct machine_choice, hyperv.field)

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
	{ "firmware", OPTION_CHOICE, AT(firmware), "KIND",
	  "what starts the guest: pvh (default; the VMM itself),\n"
	  "bios, uefi: QEMU's SeaBIOS and OVMF",
	  0, 0, firmwares },
	{ "media", OPTION_CHOICE, AT(media), "KIND",
	  "from where: kernel (pvh), iso or usb (bios, uefi),\n"
	  "efi (uefi); default kernel or iso",
	  0, 0, medias },
	{ "devices", OPTION_STRING, AT(devices), "LIST",
	  "mini VMM's: KIND:DEVICESxQUEUES,... of net and blk, like\n"
	  "net:8x16,blk:16x4: PCI devices with many queues (default: none)",
	  0, 0, NULL },
	HYPERV_OPTIONS(AT_HYPERV),
	{ "qemu-binary", OPTION_STRING, AT(binary), "PATH",
	  "which QEMU (default qemu-system-x86_64)", 0, 0, NULL },
	{ .name = NULL },
};

static bool have_kvm(void)
{
	return !access("/dev/kvm", R_OK | W_OK);
}

/* Does the CPU run guests, or does KVM emulate what is privileged? */
static bool have_hardware_kvm(void)
{
	char text[4096], flags[4096];

	if (!have_kvm() || procfile_read("/proc/cpuinfo", text, sizeof(text)) ||
	    !procfile_field(text, "flags", flags, sizeof(flags)))
		return false;
	return procfile_has_word(flags, "vmx") ||
	       procfile_has_word(flags, "svm");
}

static bool has_firmware(const struct machine_choice *c)
{
	return c->firmware == FIRMWARE_BIOS || c->firmware == FIRMWARE_UEFI;
}

static bool asks_for_qemu(const struct machine_choice *c)
{
	return has_firmware(c) ||
	       (c->media != MEDIA_AUTO && c->media != MEDIA_KERNEL) ||
	       c->accel == ACCEL_TCG || c->machine || c->version || c->cpu ||
	       c->binary;
}

static void resolve_qemu(struct machine_choice *c)
{
	bool kvm = c->accel == ACCEL_KVM ||
		   (c->accel == ACCEL_AUTO &&
		    (has_firmware(c) ? have_hardware_kvm() : have_kvm()));

	c->qemu = (struct drive_qemu){
		.binary = c->binary ? c->binary : "qemu-system-x86_64",
		.machine = c->machine		     ? c->machine
			   : c->version		     ? "q35"
			   : kvm && !has_firmware(c) ? "microvm"
						     : "q35",
		.version = c->version,
		.accel = kvm ? "kvm" : "tcg",
		.cpu = c->cpu,
	};
}

/* Which firmware, and what it may boot from. */
static int resolve_media(struct machine_choice *c, struct error *err)
{
	static const enum qemu_firmware kinds[] = {
		[FIRMWARE_PVH] = QEMU_PVH,
		[FIRMWARE_BIOS] = QEMU_BIOS,
		[FIRMWARE_UEFI] = QEMU_UEFI,
	};
	static const enum qemu_media media[] = {
		[MEDIA_KERNEL] = QEMU_KERNEL,
		[MEDIA_ISO] = QEMU_ISO,
		[MEDIA_USB] = QEMU_USB,
		[MEDIA_EFI] = QEMU_EFI,
	};
	static const char *const takes[] = {
		[QEMU_PVH] = "kernel",
		[QEMU_BIOS] = "iso or usb",
		[QEMU_UEFI] = "iso, usb or efi",
	};

	if (c->firmware == FIRMWARE_AUTO)
		c->firmware = FIRMWARE_PVH;
	if (c->media == MEDIA_AUTO)
		c->media = has_firmware(c) ? MEDIA_ISO : MEDIA_KERNEL;
	c->qemu.firmware = kinds[c->firmware];
	c->qemu.media = media[c->media];
	if (has_firmware(c) != (c->media != MEDIA_KERNEL) ||
	    (c->media == MEDIA_EFI && c->firmware != FIRMWARE_UEFI))
		return error_set(err, -EINVAL,
				 "--firmware %s does not boot --media %s, but "
				 "%s",
				 firmwares[c->firmware], medias[c->media],
				 takes[c->qemu.firmware]);
	if (has_firmware(c) && !strcmp(c->qemu.machine, "microvm"))
		return error_set(
			err, -EINVAL,
			"--machine microvm has no disks that --firmware "
			"%s could boot from: q35 and pc do",
			firmwares[c->firmware]);
	if (c->qemu.firmware == QEMU_UEFI && !qemu_media_ovmf())
		return error_set(err, -ENODEV,
				 "no OVMF here for --firmware uefi: install "
				 "the package ovmf");
	return 0;
}

/* The first that was given of the options that asks_for_qemu() knows. */
static const char *qemu_option(const struct machine_choice *c)
{
	return c->accel == ACCEL_TCG ? "accel tcg"
	       : c->machine	     ? "machine"
	       : c->version	     ? "machine-version"
	       : c->cpu		     ? "cpu"
	       : has_firmware(c)     ? "firmware"
	       : c->binary	     ? "qemu-binary"
				     : "media";
}

/* With the kind settled. */
static int check_devices(const struct machine_choice *c, struct error *err)
{
	struct queues_list list;

	if (!c->devices)
		return 0;
	if (c->kind != DRIVE_MINI)
		return error_set(err, -EINVAL,
				 "--devices are the mini VMM's: not with QEMU");
	return device_list_parse(c->devices, &list, err);
}

int machine_resolve(struct machine_choice *c, struct error *err)
{
	bool mini = c->vmm == VMM_MINI ||
		    (c->vmm == VMM_AUTO && have_kvm() && !asks_for_qemu(c));

	if (mini && asks_for_qemu(c))
		return error_set(err, -EINVAL,
				 "--%s is for --vmm qemu, not the mini VMM",
				 qemu_option(c));
	c->kind = mini ? DRIVE_MINI : DRIVE_QEMU;
	if (mini) {
		c->firmware = FIRMWARE_PVH;
		c->media = MEDIA_KERNEL;
	} else {
		resolve_qemu(c);
	}
	if (check_devices(c, err) ||
	    hyperv_options_check(&c->hyperv, !mini, err))
		return -EINVAL;
	if (mini)
		return 0;
	if (c->version && strcmp(c->qemu.machine, "q35") &&
	    strcmp(c->qemu.machine, "pc"))
		return error_set(err, -EINVAL,
				 "--machine-version is for q35 and pc: %s has "
				 "no versions",
				 c->qemu.machine);
	return resolve_media(c, err);
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
	/* Not resolved: a machine that runs already. */
	json_object_set_new(
		params, "firmware",
		result_string(c->firmware ? firmwares[c->firmware] : NULL));
	json_object_set_new(params, "media",
			    result_string(c->media ? medias[c->media] : NULL));
	json_object_set_new(params, "cpu", result_string(q->cpu));
	json_object_set_new(params, "qemu_binary", result_string(q->binary));
	json_object_set_new(params, "devices", result_string(c->devices));
	hyperv_params(&c->hyperv, params);
}
