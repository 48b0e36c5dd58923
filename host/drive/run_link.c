/* SPDX-License-Identifier: MIT */
/* The way between source and target: a socket, or a relay that counts. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "drive/relay.h"
#include "drive/run_internal.h"

bool run_by_file(const struct run *r)
{
	return !strcmp(r->set->transport, "file");
}

static int pick_address(struct run *r)
{
	struct error err = { "" };
	int tries, fd;

	if (run_by_file(r)) {
		snprintf(r->address, sizeof(r->address), "file:%s",
			 r->set->snapshot ? r->set->snapshot : "");
		if (!r->set->snapshot)
			snprintf(r->address, sizeof(r->address),
				 "file:%s/snapshot-%u", r->set->dir, r->hop);
		return 0;
	}
	/* A hop's own: the one before may still clean up its socket. */
	snprintf(r->address, sizeof(r->address), "unix:%s/migrate-%u.sock",
		 r->set->dir, r->hop);
	if (strcmp(r->set->transport, "tcp"))
		return 0;
	/* A free port: ours until the target takes it. */
	for (tries = 0; tries < 64; tries++) {
		snprintf(
			r->address, sizeof(r->address), "tcp:127.0.0.1:%u",
			(unsigned int)(20000 + (clock_now_ns() >> 10) % 40000));
		err.text[0] = '\0';
		if (!address_listen(r->address, &fd, &err)) {
			close(fd);
			return 0;
		}
	}
	return -EADDRINUSE;
}

static int start_relay(struct run *r, struct error *err)
{
	bool tcp = !strncmp(r->address, "tcp:", 4);
	struct relay_params params = r->set->relay_params;
	char listen[200];
	int rc;

	snprintf(listen, sizeof(listen), "unix:%s/relay-%u.sock", r->set->dir,
		 r->hop);
	params.listen = tcp ? "tcp:127.0.0.1:0" : listen;
	params.target = r->address;
	rc = relay_create(&params, &r->relay, err);
	if (!rc)
		snprintf(r->link, sizeof(r->link), "%s",
			 relay_address(r->relay));
	return rc;
}

int run_link_open(struct run *r, struct error *err)
{
	int rc = 0;

	if (r->set->attach.uri)
		snprintf(r->address, sizeof(r->address), "%s",
			 r->set->attach.uri);
	else
		rc = pick_address(r);
	if (rc)
		return error_set(err, rc, "no free TCP port on the loopback");
	memcpy(r->link, r->address, sizeof(r->link));
	return r->set->relay ? start_relay(r, err) : 0;
}

void run_link_close(struct run *r)
{
	if (run_by_file(r) && !r->set->snapshot)
		unlink(r->address + strlen("file:"));
	relay_destroy(r->relay);
	r->relay = NULL;
}

static uint64_t bytes_so_far(const struct run *r)
{
	struct relay_stats stats;
	struct run_wire wire;
	/* Also with a relay: connections are to be seen while they live. */
	int rc = run_wire_read(r, &wire);

	if (r->relay) {
		relay_stats(r->relay, &stats);
		return stats.forward.bytes;
	}
	return rc && rc != -EAGAIN ? UINT64_MAX : wire.bytes;
}

void run_link_round(struct run *r, int64_t round, uint64_t now_ns)
{
	struct run_round *mark;

	if (r->nr_rounds < RUN_MAX_ROUNDS) {
		mark = &r->round[r->nr_rounds++];
		mark->ns = now_ns;
		mark->wire_bytes = bytes_so_far(r);
	}
	if (r->relay && r->set->cut_round && round == r->set->cut_round)
		relay_cut(r->relay);
	if (r->relay && r->set->stall_ns && round == r->set->stall_round)
		relay_stall(r->relay, r->set->stall_ns);
}
