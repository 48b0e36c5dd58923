/* SPDX-License-Identifier: MIT */
/* How the two QEMUs of a run compress. */
#include "drive/run_internal.h"

#include <string.h>

/* There a connection compresses its own pages, and has none to wait for. */
static void note_wait(struct run *r)
{
	if (r->set->compress.wait || strncmp(r->codec.method, "multifd-", 8))
		return;
	json_array_append_new(r->out->notes,
			      json_string("--compress-wait off has no effect: "
					  "these QEMUs compress by multifd, "
					  "where no page waits for a thread"));
}

int run_choose_codec(struct run *r, struct error *err)
{
	const struct drive_compress *c = &r->set->compress;
	int rc;

	if (r->set->kind != DRIVE_QEMU || !c->codec)
		return 0;
	rc = compress_qemu_check(c, err);
	if (!rc)
		rc = compress_qemu_probe(c, r->set->nr_channels, &r->source,
					 &r->target, &r->codec, err);
	if (!rc && r->out) {
		r->out->qemu_method = r->codec.method;
		note_wait(r);
	}
	return rc;
}
