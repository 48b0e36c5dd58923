/* SPDX-License-Identifier: MIT */
/* Moving machines under test. */
#include "machine_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/state.h"

GUEST(guest_loop, "1: incl 0x200000\n jmp 1b\n");

void machine_migrate(struct machine *from, struct machine *to,
		     struct buf *state)
{
	struct error err = { "" };

	vm_pause(from->vm);
	if (vm_state_save(from->vm, state, &err))
		fail_msg("%s", err.text);
	machine_copy_memory(to, from);
	if (vm_state_load(to->vm, state->data, state->bytes, &err))
		fail_msg("%s", err.text);
}

static void say_difference(void *ctx, int vcpu, const char *name, const void *a,
			   size_t a_bytes, const void *b, size_t b_bytes)
{
	const uint8_t *x = a, *y = b;
	size_t i;

	print_message("# vCPU %d, %s:", vcpu, name);
	for (i = 0; i < a_bytes && i < 32; i++)
		print_message(" %02x", x[i]);
	print_message(" |");
	for (i = 0; i < b_bytes && i < 32; i++)
		print_message(" %02x", y[i]);
	print_message("\n");
}

void machine_same_state(struct machine *to, const struct buf *state)
{
	struct buf now = BUF_INIT;
	unsigned int compared = 0;

	assert_int_equal(vm_state_save(to->vm, &now, NULL), 0);
	assert_int_equal(vm_state_compare(state->data, state->bytes, now.data,
					  now.bytes, say_difference, NULL,
					  &compared),
			 0);
	assert_true(compared > 100 * vm_nr_vcpus(to->vm));
	buf_exit(&now);
}

void machine_forge(const struct buf *from, enum state_id id, const void *data,
		   size_t bytes, struct buf *to)
{
	struct state_header h;
	size_t at = sizeof(h);

	memcpy(&h, from->data, sizeof(h));
	assert_int_equal(state_begin(to, h.nr_vcpus), 0);
	while (at < from->bytes) {
		struct state_section s;
		const uint8_t *payload;

		memcpy(&s, from->data + at, sizeof(s));
		payload = from->data + at + sizeof(s);
		if (s.id == id && !s.index)
			state_append(to, id, 0, data, bytes);
		else
			state_append(to, s.id, s.index, payload, s.bytes);
		at += sizeof(s) + (s.bytes + 7) / 8 * 8;
	}
	state_finish(to, 0);
}
