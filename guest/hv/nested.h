/* SPDX-License-Identifier: MIT */
/*
 * The guest as a hypervisor (L1) whose guest (L2) runs the probes: what VMX and
 * SVM have in common, and the console's `cycles nested=...`.
 *
 * L2 is this image: a function of ours, called with the same page tables, on
 * the stack of ring 3. An exit that L1 asks for comes to L1; all others are the
 * affair of the hypervisor below (L0), and L1 sees nothing of them.
 */
#ifndef VMFERRY_GUEST_NESTED_H
#define VMFERRY_GUEST_NESTED_H

#include <stdbool.h>
#include <stdint.h>

/* What is switched on; the flags are the backend's own. */
struct nested_variant {
	const char *name; /* NULL ends the table */
	uint32_t flags;
};

struct nested_backend {
	const char *name; /* "vmx", "svm" */
	const struct nested_variant *variants; /* the first is the plain one */
	/* Why there is none here; NULL = there is. @absent: that is another
	 * kind of CPU. */
	const char *(*missing)(void);
	const char *absent;
	const char *(*flags_missing)(uint32_t flags);
	/* NULL, or what went wrong; then everything is as before. */
	const char *(*start)(uint32_t flags);
	/* Only so far that L1 may prepare an L2; stop() ends it. NULL: as
	 * start(). */
	const char *(*bare)(void);
	/* From one to another without leaving: start() behind bare(). NULL:
	 * nothing is to be done. */
	const char *(*change)(uint32_t flags);
	/* Between them: does what the backend alone has have its effect?
	 * NULL = yes, by something that only it can do. l2_prove() has the
	 * rest. */
	const char *(*prove)(void);
	/* @fn in L2. NULL, or what went wrong; @ret may be NULL. */
	const char *(*call)(uint64_t (*fn)(void *arg), void *arg,
			    uint64_t *ret);
	void (*stop)(void);
	/* In the MSR bitmap: reads of KERNEL_GS_BASE come to L1. */
	uint8_t *read_gs;
	uint8_t read_gs_mask;
	/* Without one, RDMSR exits to L1. */
	bool exits_without_bitmap;
	/* L1 has changed the bitmap. */
	void (*mark_bitmap)(void);
};

/* The one that this CPU has; NULL, and @ret_why says why. */
const struct nested_backend *nested_backend(const char **ret_why);

/* NULL if @backend has none of that name. */
const struct nested_variant *
nested_variant(const struct nested_backend *backend, const char *name);

/* Console: the backend and its variants; one variant's proof. */
void nested_list(void);
void nested_prove(const char *name);

extern const struct nested_backend nested_vmx, nested_svm;

#endif
