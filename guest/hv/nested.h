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

#include <stdint.h>

/* What is switched on; the flags are the backend's own. */
struct nested_variant {
	const char *name; /* NULL ends the table */
	uint32_t flags;
};

struct nested_backend {
	const char *name; /* "vmx", "svm" */
	const struct nested_variant *variants; /* the first is the plain one */
	/* Why there is none here; NULL = there is. */
	const char *(*missing)(void);
	const char *(*flags_missing)(uint32_t flags);
	/* NULL, or what went wrong; then everything is as before. */
	const char *(*start)(uint32_t flags);
	/* Between them: does what is switched on have its effect? NULL = yes,
	 * by something that only it can do. */
	const char *(*prove)(void);
	/* @fn in L2. NULL, or what went wrong; @ret may be NULL. */
	const char *(*call)(uint64_t (*fn)(void *arg), void *arg,
			    uint64_t *ret);
	/* Of the last call: exits to L1, without interrupts, which are L1's
	 * own affair; and a number that goes with what went wrong. */
	uint64_t (*exits)(void);
	uint64_t (*detail)(void);
	void (*stop)(void);
};

/* The one that this CPU has; NULL, and @ret_why says why. */
const struct nested_backend *nested_backend(const char **ret_why);

/* NULL if @backend has none of that name. */
const struct nested_variant *
nested_variant(const struct nested_backend *backend, const char *name);

/* Console: the backend and its variants; one variant's proof. */
void nested_list(void);
void nested_prove(const char *name);

extern const struct nested_backend nested_vmx;

#endif
