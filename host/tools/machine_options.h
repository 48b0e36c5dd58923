/* SPDX-License-Identifier: MIT */
/*
 * Which machine: the mini VMM, or some QEMU, by the options that say so.
 */
#ifndef VMFERRY_TOOLS_MACHINE_OPTIONS_H
#define VMFERRY_TOOLS_MACHINE_OPTIONS_H

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hyperv.h"
#include "drive/vm.h"
#include "tools/options.h"

struct machine_choice {
	unsigned int vmm; /* auto, mini, qemu */
	unsigned int accel; /* auto, kvm, tcg */
	unsigned int firmware; /* auto, pvh, bios, uefi */
	unsigned int media; /* auto, kernel, iso, usb, efi */
	const char *machine, *version, *cpu, *binary, *devices;
	struct hyperv_choice hyperv;

	/* Resolved. */
	bool unknown; /* a machine that runs already, and was not asked yet */
	enum drive_kind kind;
	struct drive_qemu qemu;
};

/* The table's offsets count from the choice's own place in the settings,
 * which must be the first member of the first member. */
extern const struct option_spec machine_options[];

/**
 * machine_resolve() - settle what was left to us.
 *
 * auto is the mini VMM where /dev/kvm can be used and nothing asks for QEMU,
 * else QEMU: with KVM where that can be used, else TCG; microvm under KVM,
 * else q35. Firmware runs in ring 0, which a KVM without the CPU's help
 * emulates slowly or not at all: there it gets TCG.
 *
 * Return: 0; -EINVAL, or -ENODEV if UEFI is not installed, with a sentence.
 */
int machine_resolve(struct machine_choice *c, struct error *err);

/* "mini" or "qemu"; "kvm" or "tcg"; NULL = not known. */
const char *machine_vmm_name(const struct machine_choice *c);
const char *machine_accel_name(const struct machine_choice *c);

/* Adds the resolved choice to `params`. */
void machine_params(const struct machine_choice *c, json_t *params);

#endif
