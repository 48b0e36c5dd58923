/* SPDX-License-Identifier: MIT */
/* What we set at a machine that is not ours, put back. */
#include <errno.h>
#include <string.h>

#include "drive/attach_internal.h"

/* Of the machine's list, those that @wanted sets too. */
static json_t *same_capabilities(json_t *have, json_t *wanted)
{
	json_t *list = json_array(), *old, *new;
	size_t i, k;

	json_array_foreach (json_object_get(wanted, "capabilities"), i, new)
		json_array_foreach (have, k, old)
			if (json_equal(json_object_get(old, "capability"),
				       json_object_get(new, "capability")))
				json_array_append(list, old);
	return json_pack("{s:o}", "capabilities", list);
}

static json_t *same_parameters(json_t *have, json_t *wanted)
{
	json_t *o = json_object(), *new, *old;
	const char *name;

	json_object_foreach (wanted, name, new) {
		old = json_object_get(have, name);
		if (old)
			json_object_set(o, name, old);
	}
	return o;
}

int attach_save(struct drive_vm *vm, json_t *capabilities, json_t *parameters,
		struct attach_saved *ret, struct error *err)
{
	json_t *have;
	int rc = drive_vm_execute(vm, "query-migrate-capabilities", NULL, &have,
				  err);

	if (rc)
		return rc;
	ret->capabilities = same_capabilities(have, capabilities);
	json_decref(have);
	rc = drive_vm_execute(vm, "query-migrate-parameters", NULL, &have, err);
	if (rc)
		return rc;
	ret->parameters = same_parameters(have, parameters);
	json_decref(have);
	return 0;
}

int attach_restore(struct drive_vm *vm, struct attach_saved *saved,
		   struct error *err)
{
	int rc = 0;

	/* In reverse: parameters may need a capability to be on. Both are
	 * taken over by the command. */
	if (saved->parameters)
		rc = drive_vm_execute(vm, "migrate-set-parameters",
				      saved->parameters, NULL, err);
	if (saved->capabilities) {
		int other = drive_vm_execute(vm, "migrate-set-capabilities",
					     saved->capabilities, NULL, err);

		rc = rc ? rc : other;
	}
	*saved = (struct attach_saved){ NULL, NULL };
	return rc;
}
