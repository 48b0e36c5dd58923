/* SPDX-License-Identifier: MIT */
/* Firmware images where distributions put them. */
#include <unistd.h>

#include "drive/doctor.h"

#define MAX_PLACES 7u

static const struct {
	const char *name;
	const char *place[MAX_PLACES]; /* the first that is there counts */
	const char *advice;
} images[] = {
	{ "firmware.ovmf",
	  { "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_CODE_4M.fd",
	    "/usr/share/edk2/ovmf/OVMF_CODE.fd",
	    "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
	    "/usr/share/qemu/ovmf-x86_64-code.bin",
	    "/usr/share/qemu/edk2-x86_64-code.fd" },
	  "install ovmf to boot by UEFI" },
	{ "firmware.seabios",
	  { "/usr/share/seabios/bios-256k.bin", "/usr/share/qemu/bios-256k.bin",
	    "/usr/share/seavgabios/bios-256k.bin" },
	  "install seabios: QEMU's pc and q35 need it" },
	{ "firmware.qboot",
	  { "/usr/share/qemu/qboot.rom", "/usr/share/seabios/bios-microvm.bin",
	    "/usr/share/qemu/bios-microvm.bin",
	    "/usr/share/qemu-firmware/qboot.rom" },
	  "install QEMU's data files: microvm needs qboot.rom or "
	  "bios-microvm.bin" },
};

void doctor_firmware(struct checks *checks)
{
	const char *const *p;
	struct check *row;
	size_t i;

	for (i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
		p = images[i].place;
		while (*p && access(*p, R_OK))
			p++;
		row = checks_add(checks, *p ? CHECK_OK : CHECK_ABSENT,
				 images[i].name);
		check_value(row, "%s", *p ? *p : "not found");
		if (!*p)
			check_advice(row, "%s", images[i].advice);
	}
}
