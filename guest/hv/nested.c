/* SPDX-License-Identifier: MIT */
/* Which kind of virtualization there is, its variants and their proofs. */
#include "hv/nested.h"

#include <stddef.h>

#include "hv/l2.h"
#include "kern/console.h"
#include "lib/print.h"
#include "lib/string.h"
#include "x86/cpu.h"

/* One for each kind of CPU. */
static const struct nested_backend *const backends[] = { &nested_vmx,
							 &nested_svm };

#define NR_BACKENDS (sizeof(backends) / sizeof(backends[0]))

const struct nested_backend *nested_backend(const char **ret_why)
{
	const char *why;
	uint32_t i;

	*ret_why = "the CPU has neither VMX nor SVM";
	for (i = 0; i < NR_BACKENDS; i++) {
		why = backends[i]->missing();
		if (why != backends[i]->absent)
			*ret_why = why;
		if (!why)
			return backends[i];
	}
	return NULL;
}

const struct nested_variant *
nested_variant(const struct nested_backend *backend, const char *name)
{
	const struct nested_variant *v;

	for (v = backend->variants; v->name; v++)
		if (string_equal(v->name, name))
			return v;
	return NULL;
}

void nested_list(void)
{
	const char *why;
	const struct nested_backend *b = nested_backend(&why);
	const struct nested_variant *v;
	char text[400];
	size_t used = 0;

	if (!b) {
		console_print("ok nested=none skip=%s", why);
		return;
	}
	for (v = b->variants; v->name; v++)
		used += print_text(text + used, sizeof(text) - used, "%s%s",
				   used ? "," : "", v->name);
	console_print("ok nested=%s variants=%s", b->name, text);
}

void nested_prove(const char *name)
{
	const char *why;
	const struct nested_backend *b = nested_backend(&why);
	const struct nested_variant *v = b ? nested_variant(b, name) : NULL;

	if (b && !v) {
		console_print("error no variant %s of %s", name, b->name);
		return;
	}
	if (cpu_boot.cpu.plant.seed)
		why = "the state check needs the probe interrupt";
	else if (b)
		why = b->flags_missing(v->flags);
	if (why) {
		console_print("ok variant=%s skip=%s", name, why);
		return;
	}
	why = b->start(v->flags);
	if (!why) {
		why = l2_prove(b);
		b->stop();
	}
	if (why)
		console_print("ok variant=%s proof=fail detail=%lu why=%s",
			      name, l2_run.detail, why);
	else
		console_print("ok variant=%s proof=pass", name);
}
