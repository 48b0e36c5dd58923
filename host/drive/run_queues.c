/* SPDX-License-Identifier: MIT */
/* Does every queue of every device work? The guest tells. */
#include <errno.h>

#include "drive/console.h"
#include "drive/run_internal.h"

/* 3968 queues with a second for each that is dead would be too long: the guest
 * gives up before. */
#define REPLY_TIMEOUT_MS 60000

int run_check_queues(struct run *r, struct drive_vm *vm, struct run_queues *ret,
		     struct error *err)
{
	struct console_line line;
	struct run_queues q;
	int rc;

	if (!r->set->devices)
		return 0;
	rc = console_command(vm->console, REPLY_TIMEOUT_MS, &line, err,
			     "queues");
	if (rc)
		return rc;
	if (!console_number(&line, "devices", &q.devices) ||
	    !console_number(&line, "queues", &q.queues) ||
	    !console_number(&line, "kicks", &q.kicks) ||
	    !console_number(&line, "lost", &q.lost) ||
	    !console_number(&line, "wrong", &q.wrong) ||
	    !console_number(&line, "doubled", &q.doubled) ||
	    !console_real(&line, "min_us", &q.min_us) ||
	    !console_real(&line, "p50_us", &q.p50_us) ||
	    !console_real(&line, "p99_us", &q.p99_us) ||
	    !console_real(&line, "max_us", &q.max_us))
		return error_set(err, -EPROTO,
				 "the guest's answer to 'queues' makes no "
				 "sense: %.300s",
				 line.text);
	*ret = q;
	return 0;
}
