/* SPDX-License-Identifier: MIT */
/* Bytes that mean nothing: whatever is said to them, the server lives on. */
#include <string.h>

#include "vfio/check_priv.h"

#define NEEDS (CHECK_NEEDS_USER | CHECK_OWN_WIRE | CHECK_DESTRUCTIVE)

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*seed >> 32);
}

static void noise(uint64_t *seed, uint8_t *to, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		to[i] = (uint8_t)next_random(seed);
}

static void run_noise(struct check_run *r, const struct check_case *c)
{
	uint64_t seed = 1;
	uint8_t data[256];
	struct user_wire w;
	unsigned int i;

	for (i = 0; i < 64; i++) {
		noise(&seed, data, sizeof(data));
		if (i % 2 ? check_raw_greet(r, &w) : check_raw_open(r, &w))
			check_raw_send(r, &w, data,
				       next_random(&seed) % sizeof(data));
		user_wire_exit(&w);
		if (r->decided)
			return;
	}
	check_raw_alive(r, "noise");
}

/* Commands that there are, with payloads of noise; whatever it says. */
static void run_payloads(struct check_run *r, const struct check_case *c)
{
	struct user_wire w;
	bool open = false;
	uint64_t seed = 2;
	uint8_t data[64];
	unsigned int i;
	uint16_t command;

	for (i = 0; i < 500; i++) {
		if (!open && !check_raw_greet(r, &w)) {
			user_wire_exit(&w);
			return;
		}
		open = true;
		noise(&seed, data, sizeof(data));
		command = (uint16_t)(2 + next_random(&seed) % 17);
		/* Sizes that do not run against the first test of them. */
		memset(data, 0, next_random(&seed) % 48);
		data[0] = 64;
		switch (check_raw_call(r, &w, command, data,
				       8 + next_random(&seed) % 8 * 8, NULL,
				       0)) {
		case CHECK_ANSWER_CLOSED:
			user_wire_exit(&w);
			open = false;
			break;
		case CHECK_ANSWER_NONE:
			check_fail(r, "command %u was not answered", command);
			break;
		default:
			break;
		}
	}
	if (open)
		user_wire_exit(&w);
	check_raw_alive(r, "commands with payloads of noise");
}

#define HOSTILE "vfio-user, security considerations: input is checked: "

const struct check_case check_noise_cases[] = {
	CHECK_CASE("abuse.noise", HOSTILE "no bytes end the server", CHECK_MUST,
		   NEEDS, run_noise),
	CHECK_CASE("abuse.payloads",
		   HOSTILE "no payload ends or hangs the server", CHECK_MUST,
		   NEEDS, run_payloads),
};
const size_t check_noise_nr =
	sizeof(check_noise_cases) / sizeof(check_noise_cases[0]);
