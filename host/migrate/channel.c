/* SPDX-License-Identifier: MIT */
/* What all channels share: whole transfers, and the count of bytes. */
#include "migrate/channel.h"

#include <errno.h>
#include <stdbool.h>

#include "base/clock.h"

/* The kernel's limit of one call (UIO_MAXIOV). */
#define MAX_IOV_PER_CALL 1024

static void count(uint64_t *counter, ssize_t bytes)
{
	/* One writer; the statistics of other threads look on. */
	__atomic_store_n(counter, *counter + (uint64_t)bytes, __ATOMIC_RELAXED);
}

uint64_t channel_bytes_out(const struct channel *ch)
{
	return __atomic_load_n(&ch->bytes_out, __ATOMIC_RELAXED);
}

uint64_t channel_bytes_in(const struct channel *ch)
{
	return __atomic_load_n(&ch->bytes_in, __ATOMIC_RELAXED);
}

/* Goes past @bytes of @iov, and past entries that are empty. */
static void advance(struct iovec **iov, int *nr_iov, size_t bytes)
{
	while (*nr_iov && bytes >= (*iov)->iov_len) {
		bytes -= (*iov)->iov_len;
		(*iov)++;
		(*nr_iov)--;
	}
	if (bytes) {
		(*iov)->iov_base = (uint8_t *)(*iov)->iov_base + bytes;
		(*iov)->iov_len -= bytes;
	}
}

static ssize_t write_plain(struct channel *ch, const struct iovec *iov, int nr)
{
	return ch->ops->writev
		       ? ch->ops->writev(ch, iov, nr)
		       : ch->ops->write(ch, iov->iov_base, iov->iov_len);
}

/* Too much under way: the rest when that is done. If even one call is too
 * much, then the kernel does not let us pin it: with a copy. */
static ssize_t write_zerocopy(struct channel *ch, const struct iovec *iov,
			      int nr, struct channel_writes *w)
{
	ssize_t n = ch->ops->zerocopy_writev(ch, iov, nr);
	uint64_t copied;
	int rc;

	if (n == -ENOBUFS) {
		rc = ch->ops->zerocopy_settle(ch, &copied);
		n = rc ? rc : ch->ops->zerocopy_writev(ch, iov, nr);
	}
	if (n == -ENOBUFS)
		return write_plain(ch, iov, nr);
	w->zerocopy_writes++;
	return n;
}

int channel_write_counted(struct channel *ch, struct iovec *iov, int nr_iov,
			  struct channel_writes *w)
{
	int most = w->max_iov ? (int)w->max_iov : MAX_IOV_PER_CALL;

	if (!ch->ops->writev)
		most = 1;
	advance(&iov, &nr_iov, 0);
	while (nr_iov) {
		int nr = nr_iov < most ? nr_iov : most;
		ssize_t n = w->zerocopy ? write_zerocopy(ch, iov, nr, w)
					: write_plain(ch, iov, nr);

		if (n <= 0)
			return n ? (int)n : -EPIPE;
		w->writes++;
		w->iovecs += (uint64_t)nr;
		count(&ch->bytes_out, n);
		advance(&iov, &nr_iov, (size_t)n);
	}
	return 0;
}

int channel_write_all(struct channel *ch, struct iovec *iov, int nr_iov)
{
	return channel_write_counted(ch, iov, nr_iov,
				     &(struct channel_writes){ 0 });
}

int channel_zerocopy_enable(struct channel *ch)
{
	return ch->ops->zerocopy_enable ? ch->ops->zerocopy_enable(ch)
					: -EOPNOTSUPP;
}

int channel_zerocopy_settle(struct channel *ch, uint64_t *ret_copied)
{
	return ch->ops->zerocopy_settle(ch, ret_copied);
}

int channel_readv_all(struct channel *ch, struct iovec *iov, int nr_iov)
{
	advance(&iov, &nr_iov, 0);
	while (nr_iov) {
		int nr = nr_iov < MAX_IOV_PER_CALL ? nr_iov : MAX_IOV_PER_CALL;
		ssize_t n = ch->ops->readv(ch, iov, nr);

		if (n <= 0)
			return n ? (int)n : -ENODATA;
		count(&ch->bytes_in, n);
		advance(&iov, &nr_iov, (size_t)n);
	}
	return 0;
}

int channel_read_all(struct channel *ch, void *data, size_t bytes)
{
	struct iovec iov = { .iov_base = data, .iov_len = bytes };

	return channel_readv_all(ch, &iov, 1);
}

int channel_read_until(struct channel *ch, void *data, size_t bytes,
		       uint64_t deadline_ns)
{
	uint8_t *at = data;

	while (bytes) {
		struct iovec iov = { at, bytes };
		uint64_t now_ns = clock_now_ns();
		ssize_t n;

		if (now_ns >= deadline_ns ||
		    !channel_wait(ch, deadline_ns - now_ns))
			return -ETIMEDOUT;
		n = ch->ops->readv(ch, &iov, 1);
		if (n <= 0)
			return n ? (int)n : -ENODATA;
		count(&ch->bytes_in, n);
		at += n;
		bytes -= (size_t)n;
	}
	return 0;
}

int channel_wait(struct channel *ch, uint64_t timeout_ns)
{
	if (ch->ops->wait)
		return ch->ops->wait(ch, timeout_ns);
	if (timeout_ns)
		clock_sleep_until_ns(clock_now_ns() + timeout_ns);
	return 0;
}

bool channel_gone(struct channel *ch)
{
	return ch->ops->gone && ch->ops->gone(ch);
}

bool channel_has_room(struct channel *ch)
{
	return !ch->ops->has_room || ch->ops->has_room(ch);
}

void channel_stop_reading(struct channel *ch)
{
	if (ch->ops->stop_reading)
		ch->ops->stop_reading(ch);
	else
		ch->ops->shutdown(ch);
}

void channel_shutdown(struct channel *ch)
{
	ch->ops->shutdown(ch);
}

void channel_close(struct channel *ch)
{
	if (ch)
		ch->ops->close(ch);
}
