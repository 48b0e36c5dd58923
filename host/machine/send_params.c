/* SPDX-License-Identifier: MIT */
/* How the source's pages leave it: x-send, asked for and reported. */
#include "machine/state.h"

#include <errno.h>

/* The kernel's limit of one call (UIO_MAXIOV). */
#define MAX_IOVECS 1024

int machine_set_send(struct machine *m, json_t *send, struct qmp_error *err)
{
	json_int_t iovecs = 0;
	int copy = 0, zerocopy = 0;

	if (json_unpack(send, "{s?b, s?b, s?I!}", "copy", &copy, "zerocopy",
			&zerocopy, "iovecs", &iovecs) ||
	    iovecs < 0 || iovecs > MAX_IOVECS || (copy && zerocopy))
		return qmp_error_set(err, -EINVAL,
				     "x-send is {'copy': BOOL, 'zerocopy': "
				     "BOOL, 'iovecs': 0..%d}, and not both",
				     MAX_IOVECS);
	if (m->migration.active)
		return qmp_error_set(err, -EBUSY,
				     "There's a migration process in progress");
	m->migration.params.send = (struct migrate_send){
		.copy = copy,
		.zerocopy = zerocopy,
		.iovecs = (unsigned int)iovecs,
	};
	return 0;
}

json_t *machine_send_stats(const struct migrate_send_stats *s)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "copied-bytes",
			 (json_int_t)s->copied_bytes, "writes",
			 (json_int_t)s->writes, "iovecs", (json_int_t)s->iovecs,
			 "zerocopy-writes", (json_int_t)s->zerocopy_writes,
			 "zerocopy-copied", (json_int_t)s->zerocopy_copied);
}
