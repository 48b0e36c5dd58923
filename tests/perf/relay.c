/* SPDX-License-Identifier: MIT */
/*
 * What the relay costs: MiB/s with and without it, in turns in one run, and
 * how close a limit is held. As in a migration, the bytes come from memory
 * and go to memory that no cache holds. Fails under 0.7 times the direct
 * throughput (median of the turns), or beyond 3 % of a limit.
 *
 * Where all CPUs are busy the CPU time of a byte decides: the ratio cannot be
 * above that of both ends, directly, to that plus the relay's own. What is
 * missing to this bound is what the bytes cost more at the ends: they come from
 * colder caches, and with more wake-ups.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "drive/relay.h"

#define TURNS 9
#define PIECE (256u * 1024)
#define MEMORY_BYTES (256u << 20) /* of each side, over all channels */
#define MAX_CHANNELS 8
#define MIB (1024.0 * 1024.0)

struct end {
	int fd;
	char *memory; /* its share */
	size_t memory_bytes;
	uint64_t until_ns; /* of a sender */
	uint64_t bytes;
	uint64_t first_ns, last_ns;
	uint64_t cpu_ns;
	pthread_t thread;
};

/* One measurement. */
struct flow {
	double mib_per_s;
	double ends_us, relay_us; /* CPU time of a MiB */
};

static uint64_t cpu_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static void *send_for(void *arg)
{
	struct end *e = arg;
	size_t at = 0;

	while (clock_now_ns() < e->until_ns &&
	       send(e->fd, e->memory + at, PIECE, MSG_NOSIGNAL) > 0)
		at = (at + PIECE) % e->memory_bytes;
	shutdown(e->fd, SHUT_WR);
	e->cpu_ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	return NULL;
}

static void *receive(void *arg)
{
	struct end *e = arg;
	size_t at = 0;
	ssize_t n;

	while ((n = recv(e->fd, e->memory + at, PIECE, 0)) > 0) {
		at = (at + (size_t)n) % (e->memory_bytes - PIECE);
		e->last_ns = clock_now_ns();
		if (!e->first_ns)
			e->first_ns = e->last_ns;
		e->bytes += (uint64_t)n;
	}
	e->cpu_ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	return NULL;
}

static void check(int rc, const char *what)
{
	if (!rc)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-rc));
	exit(99);
}

static char *memory[2];

static void take_memory(struct end *e, int side, unsigned int channel,
			unsigned int channels)
{
	e->memory_bytes = MEMORY_BYTES / channels;
	e->memory = memory[side] + channel * e->memory_bytes;
}

/* All that arrived, from the first byte to the last. */
static struct flow measure(int listen_fd, const char *address,
			   unsigned int channels, uint64_t ns)
{
	uint64_t ends_ns = 0, all_ns = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
	struct end tx[MAX_CHANNELS] = { 0 }, rx[MAX_CHANNELS] = { 0 };
	uint64_t start_ns, last_ns = 0, bytes = 0;
	double mib;
	unsigned int i;

	for (i = 0; i < channels; i++) {
		check(address_connect(address, &tx[i].fd, NULL), "connect");
		check(address_accept(listen_fd, 5000, &rx[i].fd, NULL),
		      "accept");
	}
	start_ns = clock_now_ns();
	for (i = 0; i < channels; i++) {
		take_memory(&tx[i], 0, i, channels);
		take_memory(&rx[i], 1, i, channels);
		tx[i].until_ns = start_ns + ns;
		pthread_create(&rx[i].thread, NULL, receive, &rx[i]);
		pthread_create(&tx[i].thread, NULL, send_for, &tx[i]);
	}
	for (i = 0; i < channels; i++) {
		pthread_join(tx[i].thread, NULL);
		pthread_join(rx[i].thread, NULL);
		close(tx[i].fd);
		close(rx[i].fd);
		bytes += rx[i].bytes;
		ends_ns += tx[i].cpu_ns + rx[i].cpu_ns;
		if (rx[i].last_ns > last_ns)
			last_ns = rx[i].last_ns;
	}
	all_ns = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - all_ns;
	mib = (double)bytes / MIB;
	return (struct flow){
		.mib_per_s = mib / ((double)(last_ns - start_ns) / 1e9),
		.ends_us = (double)ends_ns / 1e3 / mib,
		.relay_us = (double)(all_ns - ends_ns) / 1e3 / mib,
	};
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, unsigned int n)
{
	qsort(v, n, sizeof(*v), compare);
	return v[n / 2];
}

struct setup {
	int listen_fd;
	char target[64];
	struct relay *relay;
};

static void set_up(struct setup *s, bool tcp, struct relay_params params)
{
	char at[64];
	unsigned int port;

	snprintf(at, sizeof(at), "unix:/tmp/relay-perf-%d-relay",
		 (int)getpid());
	snprintf(s->target, sizeof(s->target), "unix:/tmp/relay-perf-%d",
		 (int)getpid());
	/* Any free port that the system gives is asked for by a first relay
	 * that is destroyed at once. */
	if (tcp) {
		struct relay_params probe = { .listen = "tcp:127.0.0.1:0",
					      .target = "tcp:127.0.0.1:1" };
		struct relay *r;

		check(relay_create(&probe, &r, NULL), "relay");
		sscanf(relay_address(r), "tcp:127.0.0.1:%u", &port);
		relay_destroy(r);
		snprintf(s->target, sizeof(s->target), "tcp:127.0.0.1:%u",
			 port);
		strcpy(at, "tcp:127.0.0.1:0");
	}
	check(address_listen(s->target, &s->listen_fd, NULL), "listen");
	params.listen = at;
	params.target = s->target;
	check(relay_create(&params, &s->relay, NULL), "relay");
}

static void tear_down(struct setup *s)
{
	relay_destroy(s->relay);
	close(s->listen_fd);
	address_unlink(s->target);
}

/* By turns, so that whatever else the machine does strikes both alike. */
static int throughput(bool tcp, unsigned int channels)
{
	double direct[TURNS], relayed[TURNS], ratio[TURNS], r;
	double direct_us[TURNS], ends_us[TURNS], relay_us[TURNS];
	struct setup s;
	struct flow d, f;
	unsigned int i;

	set_up(&s, tcp, (struct relay_params){ 0 });
	for (i = 0; i < TURNS; i++) {
		d = measure(s.listen_fd, s.target, channels, NSEC_PER_SEC / 3);
		f = measure(s.listen_fd, relay_address(s.relay), channels,
			    NSEC_PER_SEC / 3);
		direct[i] = d.mib_per_s;
		relayed[i] = f.mib_per_s;
		ratio[i] = relayed[i] / direct[i];
		direct_us[i] = d.ends_us;
		ends_us[i] = f.ends_us;
		relay_us[i] = f.relay_us;
	}
	r = median(ratio, TURNS);
	printf("%-4s %u channels: direct %6.0f MiB/s, relayed %6.0f MiB/s, "
	       "ratio %.2f (median of %d)\n",
	       tcp ? "tcp" : "unix", channels, median(direct, TURNS),
	       median(relayed, TURNS), r, TURNS);
	printf("     CPU time of a MiB: direct %.0f us; relayed: ends %.0f us, "
	       "relay %.0f us; bound on busy CPUs %.2f\n",
	       median(direct_us, TURNS), median(ends_us, TURNS),
	       median(relay_us, TURNS),
	       median(direct_us, TURNS) /
		       (median(direct_us, TURNS) + median(relay_us, TURNS)));
	tear_down(&s);
	return r < 0.7;
}

static int limit(bool tcp, unsigned int channels, uint64_t rate)
{
	double got, off;
	struct setup s;

	set_up(&s, tcp, (struct relay_params){ .rate_bytes_per_s = rate });
	got = measure(s.listen_fd, relay_address(s.relay), channels,
		      2 * NSEC_PER_SEC)
		      .mib_per_s *
	      MIB;
	off = got / (double)rate - 1;
	printf("%-4s %u channels: limit %5.0f MB/s, got %7.2f MB/s, %+.2f %%\n",
	       tcp ? "tcp" : "unix", channels, (double)rate / 1e6, got / 1e6,
	       100 * off);
	tear_down(&s);
	return off > 0.03 || off < -0.03;
}

int main(void)
{
	static const unsigned int channels[] = { 1, 4 };
	static const uint64_t rates[] = { 10000000, 100000000, 300000000,
					  1000000000 };
	unsigned int i, j;
	int failed = 0, tcp;

	for (i = 0; i < 2; i++) {
		memory[i] = malloc(MEMORY_BYTES);
		check(memory[i] ? 0 : -ENOMEM, "memory");
		memset(memory[i], 0x5a + (int)i, MEMORY_BYTES);
	}
	for (tcp = 0; tcp < 2; tcp++)
		for (i = 0; i < 2; i++)
			failed |= throughput(tcp, channels[i]);
	for (tcp = 0; tcp < 2; tcp++)
		for (i = 0; i < 2; i++)
			for (j = 0; j < 4; j++)
				failed |= limit(tcp, channels[i], rates[j]);
	free(memory[0]);
	free(memory[1]);
	return failed;
}
