/* SPDX-License-Identifier: MIT */
/* A migration on paper. */
#include "drive/forecast.h"

#include <float.h>
#include <math.h>

#define PAGE_BYTES 4096.0
#define MAX_ROUNDS 1000u
#define TURNS 64u
/* The sender and the receiver are always there. */
#define OTHER_THREADS 2
/* QEMU looks at what is left every 50 ms at most, so half of that on average
 * has gone by when it finds that the rest fits (ram_save_iterate, MAX_WAIT). */
#define ANY_TIME_S 0.025
/* Below it a round is mostly latency: it tells no bandwidth. */
#define TELLING_BYTES (1 << 20)

/* A round's pages, on the mean. */
struct pace {
	double pages_per_s;
	double page_bytes;
	double busy; /* share of raw ones */
	double guest_speed; /* share of the guest's own rate that is left */
	const char *bound;
};

static void bind(struct pace *p, double pages_per_s, const char *what)
{
	if (pages_per_s >= p->pages_per_s)
		return;
	p->pages_per_s = pages_per_s;
	p->bound = what;
}

static double send_limit(const struct forecast_input *in)
{
	double link = in->link_bytes_per_s > 0 ? in->link_bytes_per_s : DBL_MAX;

	return in->send_bytes_per_s > 0 ? fmin(link, in->send_bytes_per_s)
					: link;
}

static bool compresses(const struct forecast_setting *s)
{
	return s->codec.compress_s > 0;
}

/* CPUs beside the guest, whose vCPUs keep what they need up to a fair share. */
static double cpus_left(const struct forecast_input *in,
			const struct forecast_setting *s, double *ret_speed)
{
	unsigned int threads = OTHER_THREADS;
	double keeps = in->guest_cpus, share;

	if (compresses(s))
		threads += s->threads + s->decompress_threads;
	share = (double)in->nr_cpus * in->nr_vcpus / (in->nr_vcpus + threads);
	*ret_speed = 1;
	if (keeps > share) {
		*ret_speed = share / keeps;
		keeps = share;
	}
	return in->nr_cpus - keeps;
}

/* CPU time of a page, both sides together. */
static double page_cpu(const struct forecast_input *in,
		       const struct forecast_codec *c)
{
	return c->compress_s + c->decompress_s +
	       c->page_bytes * in->send_s_per_byte;
}

/* What the threads leave of the link and of the CPUs carries raw pages. */
static void add_raw(const struct forecast_input *in,
		    const struct forecast_setting *s, double cpus,
		    struct pace *p)
{
	double link = send_limit(in) - p->pages_per_s * s->codec.page_bytes;
	double cpu = cpus - p->pages_per_s * page_cpu(in, &s->codec);
	double raw = fmin(link, DBL_MAX / 2) / PAGE_BYTES, all;

	if (in->send_s_per_byte > 0)
		raw = fmin(raw, cpu / (in->send_s_per_byte * PAGE_BYTES));
	if (raw <= 0)
		return;
	all = p->pages_per_s + raw;
	p->busy = raw / all;
	p->page_bytes =
		(1 - p->busy) * s->codec.page_bytes + p->busy * PAGE_BYTES;
	p->pages_per_s = all;
}

/* A sender that runs ahead of its link: see burst_pages. */
static void run_ahead(const struct forecast_input *in,
		      const struct forecast_setting *s, struct pace *p)
{
	double most = s->threads < in->nr_cpus ? s->threads : in->nr_cpus;
	double taken = most * in->room;
	double busy = in->burst_pages / (in->burst_pages + taken);

	if (!in->burst_pages || in->link_bytes_per_s <= 0 || busy <= p->busy)
		return;
	p->busy = busy;
	p->page_bytes = (1 - busy) * s->codec.page_bytes + busy * PAGE_BYTES;
	p->pages_per_s = send_limit(in) / p->page_bytes;
	p->bound = "link";
}

static void find_pace(const struct forecast_input *in,
		      const struct forecast_setting *s, struct pace *ret)
{
	struct pace p = {
		.pages_per_s = DBL_MAX,
		.page_bytes = s->codec.page_bytes,
		.bound = "nothing",
	};
	double cpus = cpus_left(in, s, &p.guest_speed);
	double cpu = page_cpu(in, &s->codec);

	bind(&p, send_limit(in) / s->codec.page_bytes,
	     in->link_bytes_per_s > 0 && in->link_bytes_per_s <= send_limit(in)
		     ? "link"
		     : "sender");
	if (cpu > 0)
		bind(&p, cpus / cpu, "cpus");
	if (compresses(s)) {
		bind(&p, s->threads / s->codec.compress_s, "compression");
		if (s->codec.decompress_s > 0)
			bind(&p, s->decompress_threads / s->codec.decompress_s,
			     "decompression");
		if (!s->wait && p.bound[0] != 'l' && p.bound[0] != 's')
			add_raw(in, s, cpus, &p);
		if (!s->wait)
			run_ahead(in, s, &p);
	}
	*ret = p;
}

/* What the guest has dirtied after so long, slowed as it is. */
static double dirtied(const struct forecast_input *in, const struct pace *p,
		      double seconds)
{
	return dirty_curve_pages(in->dirty, seconds * p->guest_speed);
}

/* The same where each page counts from its own turn on: the mean over them. */
static double dirtied_behind(const struct forecast_input *in,
			     const struct pace *p, double seconds)
{
	double sum = 0;
	unsigned int i;

	for (i = 0; i < TURNS; i++)
		sum += dirtied(in, p, seconds * (i + 0.5) / TURNS);
	return sum / TURNS;
}

/* May the machine stop with that many pages left? */
static bool fits(const struct forecast_input *in, const struct pace *p,
		 double pages, double bandwidth)
{
	bool raw = in->rule != FORECAST_WIRE;
	double bytes = pages * (raw ? PAGE_BYTES : p->page_bytes);
	double fixed = fmin(in->fixed_s, in->limit_s / 2);

	if (in->rule == FORECAST_RAW_ANY_TIME)
		fixed = 0;
	return bytes / bandwidth + fixed <= in->limit_s;
}

/* Pages of a round that are left when the log is read again. */
static double left_over(const struct forecast_input *in, double pages,
			double bandwidth)
{
	double left = (in->limit_s - ANY_TIME_S) * bandwidth / PAGE_BYTES;

	if (in->rule != FORECAST_RAW_ANY_TIME || left < 0)
		return 0;
	return fmin(left, pages);
}

/* One after the other, until the rest fits. Returns what is left. */
static double precopy(const struct forecast_input *in, const struct pace *p,
		      struct forecast *ret)
{
	double pages = (double)(in->pages - in->zero_pages), sent, left;
	double seconds, bandwidth = 0, now;

	seconds = (double)in->zero_pages * in->zero_s;
	while (ret->rounds < MAX_ROUNDS && ret->total_s <= in->timeout_s) {
		now = p->page_bytes * p->pages_per_s;
		left = left_over(in, pages, now);
		sent = pages - left;
		seconds += sent / p->pages_per_s;
		ret->rounds++;
		ret->total_s += seconds;
		ret->wire_bytes += sent * p->page_bytes;
		if (seconds > 0)
			now = sent * p->page_bytes / seconds;
		if (now > bandwidth || sent * p->page_bytes >= TELLING_BYTES)
			bandwidth = now;
		pages = in->logs_behind && ret->rounds == 1
				? dirtied_behind(in, p, seconds)
				: dirtied(in, p, seconds);
		/* Some of what is left is among them. */
		if (left > 0)
			pages += left * (1 - pages / (double)in->pages);
		if (pages <= 0 || fits(in, p, pages, bandwidth)) {
			ret->converges = true;
			break;
		}
		seconds = 0;
	}
	return pages;
}

void forecast_run(const struct forecast_input *in,
		  const struct forecast_setting *setting, struct forecast *ret)
{
	struct forecast f = { .rounds = 0 };
	struct pace p;
	double rest, last;

	find_pace(in, setting, &p);
	f.busy_ratio = p.busy;
	f.bound = p.bound;
	rest = precopy(in, &p, &f);
	/* The guest stands: its CPUs are free, which the link cannot use. */
	last = rest / p.pages_per_s;
	f.downtime_s = last + in->fixed_s;
	f.total_s += f.downtime_s;
	f.wire_bytes += rest * p.page_bytes;
	f.rounds++;
	if (f.total_s > in->timeout_s)
		f.converges = false;
	*ret = f;
}

bool forecast_better(const struct forecast *a, const struct forecast *b)
{
	if (a->converges != b->converges)
		return a->converges;
	if (fabs(a->total_s - b->total_s) > 0.02 * b->total_s)
		return a->total_s < b->total_s;
	return a->wire_bytes < b->wire_bytes;
}
