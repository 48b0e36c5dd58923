/* SPDX-License-Identifier: MIT */
/* -kernel, a CD, a USB stick, or an EFI program. */
#include "drive/qemu_media.h"

#include <stdio.h>
#include <unistd.h>

static const char *const ovmf_places[] = {
	"/usr/share/ovmf/OVMF.fd",	"/usr/share/qemu/OVMF.fd",
	"/usr/share/edk2/ovmf/OVMF.fd", "/usr/share/edk2/x64/OVMF.4m.fd",
	"/usr/share/OVMF/OVMF.fd",
};

const char *qemu_media_ovmf(void)
{
	size_t i;

	for (i = 0; i < sizeof(ovmf_places) / sizeof(ovmf_places[0]); i++)
		if (!access(ovmf_places[i], R_OK))
			return ovmf_places[i];
	return NULL;
}

/* A value of -drive: its commas are doubled. */
static void escape(const char *text, char *to, size_t room)
{
	size_t n = 0;

	for (; *text && n + 3 < room; text++) {
		to[n++] = *text;
		if (*text == ',')
			to[n++] = ',';
	}
	to[n] = '\0';
}

static void add_stick(struct drive_args *a, const char *path)
{
	char file[4096];

	escape(path, file, sizeof(file));
	drive_args_add(a, "-device");
	drive_args_add(a, "qemu-xhci");
	drive_args_add(a, "-drive");
	drive_args_add(a, "if=none,id=boot,format=raw,readonly=on,file=%s",
		       file);
	drive_args_add(a, "-device");
	drive_args_add(a, "usb-storage,drive=boot,bootindex=0");
	drive_args_add(a, "-fw_cfg");
	drive_args_add(a, "name=opt/vmferry/autostart,string=off");
}

static void add_cd(struct drive_args *a, const char *path)
{
	drive_args_add(a, "-cdrom");
	drive_args_add(a, "%s", path);
	drive_args_add(a, "-smbios");
	drive_args_add(a, "type=11,value=vmferry:autostart=off");
}

void qemu_media_arguments(struct drive_args *a, const struct drive_vm_params *p)
{
	const char *ovmf = qemu_media_ovmf();

	if (p->qemu.firmware == QEMU_UEFI && ovmf) {
		drive_args_add(a, "-bios");
		drive_args_add(a, "%s", ovmf);
	}
	switch (p->qemu.media) {
	case QEMU_ISO:
		add_cd(a, p->kernel);
		break;
	case QEMU_USB:
		add_stick(a, p->kernel);
		break;
	case QEMU_EFI:
		drive_args_add(a, "-append");
		drive_args_add(a, "autostart=off");
		/* fall through */
	case QEMU_KERNEL:
		drive_args_add(a, "-kernel");
		drive_args_add(a, "%s", p->kernel);
		break;
	}
}
