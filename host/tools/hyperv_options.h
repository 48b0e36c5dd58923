/* SPDX-License-Identifier: MIT */
/* Microsoft's enlightenments: whose, and which. */
#ifndef VMFERRY_TOOLS_HYPERV_OPTIONS_H
#define VMFERRY_TOOLS_HYPERV_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/hyperv.h"
#include "tools/options.h"

#define HYPERV_WISH(at, option, feature, text)                                 \
	{                                                                      \
		option, OPTION_CHOICE, at(wish[feature]), "HOW", text, 0, 0,   \
			hyperv_wish_names                                      \
	}

/* Rows of an option table; @at gives the offset of a field of a struct
 * hyperv_choice. */
#define HYPERV_OPTIONS(at)                                                     \
	{ "hyperv",                                                            \
	  OPTION_CHOICE,                                                       \
	  at(mode),                                                            \
	  "WHOSE",                                                             \
	  "mini VMM: the guest sees Hyper-V's interface as KVM serves it\n"    \
	  "(kvm), as the VMM itself does (user), or KVM's own (off,\n"         \
	  "default)",                                                          \
	  0,                                                                   \
	  0,                                                                   \
	  hyperv_mode_names },                                                 \
		HYPERV_WISH(at, "hv-relaxed", HYPERV_RELAXED,                  \
			    "of that, and of QEMU's -cpu: on, off or auto\n"   \
			    "(default: all there is; QEMU: none)"),            \
		HYPERV_WISH(at, "hv-vapic", HYPERV_VAPIC,                      \
			    "EOI, ICR, TPR and the VP assist page by MSR"),    \
		HYPERV_WISH(at, "hv-vpindex", HYPERV_VPINDEX, "VP_INDEX"),     \
		HYPERV_WISH(at, "hv-runtime", HYPERV_RUNTIME, "VP_RUNTIME"),   \
		HYPERV_WISH(at, "hv-time", HYPERV_TIME,                        \
			    "TIME_REF_COUNT and the reference TSC page"),      \
		HYPERV_WISH(at, "hv-frequencies", HYPERV_FREQUENCIES,          \
			    "of TSC and APIC by MSR"),                         \
		HYPERV_WISH(at, "hv-synic", HYPERV_SYNIC,                      \
			    "messages and events"),                            \
		HYPERV_WISH(at, "hv-stimer", HYPERV_STIMER,                    \
			    "synthetic timers"),                               \
		HYPERV_WISH(at, "hv-stimer-direct", HYPERV_STIMER_DIRECT,      \
			    "those as plain interrupts"),                      \
		HYPERV_WISH(at, "hv-ipi", HYPERV_IPI, "by hypercall"),         \
		HYPERV_WISH(at, "hv-tlbflush", HYPERV_TLBFLUSH,                \
			    "by hypercall"),                                   \
		HYPERV_WISH(at, "hv-reset", HYPERV_RESET,                      \
			    "by MSR; this and what follows: not of user"),     \
		HYPERV_WISH(at, "hv-crash", HYPERV_CRASH, "crash MSRs"),       \
		HYPERV_WISH(at, "hv-reenlightenment", HYPERV_REENLIGHTENMENT,  \
			    "told of a new TSC frequency"),                    \
		HYPERV_WISH(at, "hv-xmm-input", HYPERV_XMM_INPUT,              \
			    "hypercalls with XMM registers"),                  \
		HYPERV_WISH(at, "hv-tlbflush-ext", HYPERV_TLBFLUSH_EXT,        \
			    "lists of ranges"),                                \
		HYPERV_WISH(at, "hv-evmcs", HYPERV_EVMCS,                      \
			    "the enlightened VMCS"),                           \
		HYPERV_WISH(at, "hv-emsr-bitmap", HYPERV_EMSR_BITMAP,          \
			    "its MSR bitmap"),                                 \
		HYPERV_WISH(at, "hv-tlbflush-direct", HYPERV_TLBFLUSH_DIRECT,  \
			    "a guest's guest flushes without its hypervisor"), \
	{                                                                      \
		"hv-break", OPTION_STRING, at(broken), "NAME",                 \
			"--hyperv user: serve wrongly on purpose what this\n"  \
			"check of the guest's ('cycles --check') looks at;\n"  \
			"list: say which there are (vmm and cycles)",          \
			0, 0, NULL                                             \
	}

/**
 * hyperv_options_check() - do they go together?
 * @qemu: for QEMU, which has flags and no modes.
 *
 * Return: 0 or -EINVAL with a sentence.
 */
int hyperv_options_check(const struct hyperv_choice *c, bool qemu,
			 struct error *err);

/* Did somebody ask for the list? Prints it then. */
bool hyperv_options_list(const struct hyperv_choice *c);

/* Adds the choice to `params`: hyperv, hv_features, hv_break. */
void hyperv_params(const struct hyperv_choice *c, json_t *params);

/**
 * hyperv_options_add() - a feature of `--ab`, on top of a choice.
 * @words: "hv-time", "-hv-time" (off), "hyperv=user"; joined by '+'.
 *
 * Return: 0; -EINVAL with a sentence.
 */
int hyperv_options_add(const char *words, struct hyperv_choice *c,
		       struct error *err);

#endif
