/* SPDX-License-Identifier: MIT */
/* From right messages to wrong ones. */
#include "mutate.h"

#include <string.h>

static const char *const messages[] = {
	"{\"execute\":\"qmp_capabilities\"}\n",
	"{\"execute\":\"query-version\",\"id\":1}\n",
	"{\"execute\":\"query-commands\",\"id\":[1,{\"a\":null}]}\n",
	("{\"execute\":\"echo\",\"arguments\":{\"s\":\"x\",\"i\":-5,\"z\":7,"
	 "\"b\":true,\"o\":{\"k\":[]},\"a\":[1,2.5e3,\"\\u00e9\"]}}\n"),
	"{\"execute\":\"echo\",\"arguments\":{\"s\":\"\\\"\\\\}\"}}\r\n",
	"{\"execute\":\"fail\",\"id\":\"x\"}",
	"{\"execute\":\"event\"}",
	"{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"a\"}}",
	"{\"execute\":\"take\",\"arguments\":{\"fdname\":\"a\"}}",
	"{\"execute\":\"closefd\",\"arguments\":{\"fdname\":\"a\"}}",
	"{\n  \"execute\": \"query-version\",\n  \"arguments\": {\n  }\n}\n",
	"[]\n",
	"foo\n",
};

/* What the grammar turns on. */
static const char *const tokens[] = {
	"{",
	"}",
	"[",
	"]",
	"\"",
	":",
	",",
	"\\",
	"\n",
	"\xff",
	"null",
	"-1",
	"1e999",
	"\\u0000",
	"\xc3",
	"true",
	"\"id\":",
	"{}",
	"\0",
	"\\ud800",
	"9223372036854775808",
	"\x7f",
	"[[[[[[[[[[[[[[[[",
	"\"execute\":",
	"\"arguments\":",
};

#define NR(array) ((uint32_t)(sizeof(array) / sizeof(*(array))))

uint32_t random_below(uint64_t *rng, uint32_t below)
{
	/* splitmix64: any seed will do, also 0. */
	uint64_t z = *rng += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) % below);
}

static void insert(struct input *in, size_t at, const char *data, size_t bytes)
{
	if (bytes > MUTATE_MAX_BYTES - in->bytes)
		return;
	memmove(in->data + at + bytes, in->data + at, in->bytes - at);
	memcpy(in->data + at, data, bytes);
	in->bytes += bytes;
}

static void remove_range(struct input *in, size_t at, size_t bytes)
{
	if (bytes > in->bytes - at)
		bytes = in->bytes - at;
	memmove(in->data + at, in->data + at + bytes, in->bytes - at - bytes);
	in->bytes -= bytes;
}

static size_t place(const struct input *in, uint64_t *rng)
{
	return random_below(rng, (uint32_t)in->bytes + 1);
}

static void insert_token(struct input *in, uint64_t *rng)
{
	const char *token = tokens[random_below(rng, NR(tokens))];

	insert(in, place(in, rng), token, *token ? strlen(token) : 1);
}

static void insert_copy(struct input *in, uint64_t *rng)
{
	char copy[64];
	size_t from = place(in, rng), bytes = random_below(rng, sizeof(copy));

	if (bytes > in->bytes - from)
		bytes = in->bytes - from;
	memcpy(copy, in->data + from, bytes);
	insert(in, place(in, rng), copy, bytes);
}

/* Around the limits of depth and length. */
static void insert_run(struct input *in, uint64_t *rng)
{
	static const char kinds[] = "[{x\" \\\xff";
	static const uint32_t longest[] = { 80, 5000, 70000 };
	static char run[70000];
	uint32_t bytes = random_below(rng, longest[random_below(rng, 3)]);

	memset(run, kinds[random_below(rng, sizeof(kinds) - 1)], bytes);
	insert(in, place(in, rng), run, bytes);
}

static void flip(struct input *in, uint64_t *rng)
{
	size_t at = place(in, rng);

	if (at < in->bytes)
		in->data[at] ^= (char)(1u << random_below(rng, 8));
}

static void damage(struct input *in, uint64_t *rng)
{
	switch (random_below(rng, 16)) {
	case 0:
		return insert_run(in, rng);
	case 1:
	case 2:
	case 3:
		return remove_range(in, place(in, rng), random_below(rng, 8));
	case 4:
		return remove_range(in, place(in, rng), MUTATE_MAX_BYTES);
	case 5:
	case 6:
	case 7:
		return insert_copy(in, rng);
	case 8:
	case 9:
	case 10:
		return flip(in, rng);
	default:
		return insert_token(in, rng);
	}
}

void input_make(struct input *in, uint64_t *rng)
{
	uint32_t nr = 1 + random_below(rng, 6), damages = random_below(rng, 9);
	const char *m;

	in->bytes = 0;
	/* Mostly past the negotiation, or little else would be reached. */
	if (random_below(rng, 8))
		insert(in, 0, messages[0], strlen(messages[0]));
	while (nr--) {
		m = messages[random_below(rng, NR(messages))];
		insert(in, in->bytes, m, strlen(m));
	}
	while (damages--)
		damage(in, rng);
}
