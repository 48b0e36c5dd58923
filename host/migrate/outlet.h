/* SPDX-License-Identifier: MIT */
/*
 * The way of guest pages out of this process: straight from guest memory, or
 * through a buffer (the state before, kept to be measured beside it, and for
 * channels that cannot write from several places at once).
 */
#ifndef VMFERRY_MIGRATE_OUTLET_H
#define VMFERRY_MIGRATE_OUTLET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "migrate/channel.h"
#include "migrate/migrate.h"

struct outlet {
	struct channel *ch; /* NULL: not open yet */
	struct migrate_send how;
	struct migrate_send_stats stats;
	uint8_t *buffer; /* of a stream that copies, or NULL */
	size_t filled;
};

/**
 * outlet_open() - as @how wants it, and the channel can.
 * @o: zeroed; nothing happens if it is open.
 *
 * Return: 0, -ENOMEM, or with a sentence -EOPNOTSUPP: no zero copy over this
 * kind of channel.
 */
int outlet_open(struct outlet *o, struct channel *ch,
		const struct migrate_send *how, struct error *err);
void outlet_close(struct outlet *o);

/**
 * outlet_write() - header and table (the first of @iov), then the pages.
 *
 * With zero copy the pages' memory belongs to the kernel until
 * outlet_settle(). Return: 0 or -errno of the channel; @iov is modified.
 */
int outlet_write(struct outlet *o, struct iovec *iov, int nr_iov);

/**
 * outlet_settle() - nobody reads the pages any more.
 *
 * A running guest may write a page while the kernel sends from it, and what
 * arrives is then a mix. That is as with any page read from a running guest:
 * its log was cleared before, so it is dirty again and will be sent again. But
 * the mix must not arrive *after* the better page: TCP may send once more what
 * was lost, from memory as it then is, and other channels know nothing of that.
 * So a round ends with this, before its ROUND_END: by then the target's kernel
 * has acknowledged every byte of it, and nothing of it can come again. In the
 * final round the guest stands still.
 */
int outlet_settle(struct outlet *o);

#endif
