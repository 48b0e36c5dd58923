/* SPDX-License-Identifier: MIT */
/* A machine under test. */
#include "machine.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"

#define WAIT_S 30

static void end(struct machine *m, enum machine_end how, uint32_t value,
		const char *sentence)
{
	pthread_mutex_lock(&m->lock);
	m->end = how;
	m->exit_value = value;
	snprintf(m->sentence, sizeof(m->sentence), "%s", sentence);
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
}

static void on_exit_port(void *ctx, uint32_t value)
{
	end(ctx, END_EXIT_PORT, value, "");
}

static void on_shutdown(void *ctx, unsigned int vcpu)
{
	end(ctx, END_SHUTDOWN, vcpu, "");
}

static void on_failed(void *ctx, unsigned int vcpu, const char *sentence)
{
	end(ctx, END_FAILED, vcpu, sentence);
}

static void on_serial(void *ctx, const uint8_t *bytes, size_t nr_bytes)
{
	struct machine *m = ctx;

	pthread_mutex_lock(&m->lock);
	if (nr_bytes <= sizeof(m->output) - m->nr_output) {
		memcpy(m->output + m->nr_output, bytes, nr_bytes);
		m->nr_output += nr_bytes;
	}
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
}

static void on_room(void *ctx)
{
	struct machine *m = ctx;

	pthread_mutex_lock(&m->lock);
	m->nr_rooms++;
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
}

static const struct vm_events events = {
	.exit_port = on_exit_port,
	.shutdown = on_shutdown,
	.failed = on_failed,
	.serial_write = on_serial,
	.serial_room = on_room,
};

struct machine *machine_new_ring(unsigned int nr_vcpus, uint64_t ram_bytes,
				 unsigned int nr_entries)
{
	struct machine *m = calloc(1, sizeof(*m));
	struct error err = { "" };
	struct vm_params p = {
		.nr_vcpus = nr_vcpus,
		.ram_bytes = ram_bytes,
		.control_bytes = 0x10000,
		.dirty_ring_entries = nr_entries,
		.events = &events,
		.ctx = m,
	};

	assert_non_null(m);
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->changed, NULL);
	switch (vm_create(&p, &m->vm, &err)) {
	case 0:
		return m;
	case -EOPNOTSUPP:
		free(m);
		print_message("%s\n", err.text);
		skip();
	default:
		fail_msg("%s", err.text);
	}
	return NULL;
}

struct machine *machine_new(unsigned int nr_vcpus, uint64_t ram_bytes)
{
	return machine_new_ring(nr_vcpus, ram_bytes, 0);
}

void machine_free(struct machine *m)
{
	vm_destroy(m->vm);
	pthread_cond_destroy(&m->changed);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

void machine_load(struct machine *m, const uint8_t *code,
		  const uint8_t *code_end)
{
	size_t bytes = (size_t)(code_end - code);
	void *to = guestmem_at(vm_memory(m->vm), CODE_GPA, bytes);

	assert_non_null(to);
	memcpy(to, code, bytes);
	assert_int_equal(vm_set_boot(m->vm, CODE_GPA, 0x20000), 0);
}

enum machine_end machine_wait(struct machine *m)
{
	enum machine_end how;
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	pthread_mutex_lock(&m->lock);
	while (m->end == END_NONE &&
	       pthread_cond_timedwait(&m->changed, &m->lock, &until) !=
		       ETIMEDOUT)
		;
	how = m->end;
	pthread_mutex_unlock(&m->lock);
	if (how == END_FAILED)
		print_message("# %s\n", m->sentence);
	return how;
}

static uint32_t *variable(struct machine *m, uint64_t gpa)
{
	uint32_t *p = guestmem_at(vm_memory(m->vm), gpa, sizeof(*p));

	assert_non_null(p);
	return p;
}

uint32_t machine_peek(struct machine *m, uint64_t gpa)
{
	return __atomic_load_n(variable(m, gpa), __ATOMIC_ACQUIRE);
}

void machine_poke(struct machine *m, uint64_t gpa, uint32_t value)
{
	__atomic_store_n(variable(m, gpa), value, __ATOMIC_RELEASE);
}

/* Memory tells nobody when it changes: look every 100 us. */
bool machine_has_ended(struct machine *m)
{
	bool ended;

	pthread_mutex_lock(&m->lock);
	ended = m->end != END_NONE;
	pthread_mutex_unlock(&m->lock);
	return ended;
}

void machine_wait_for(struct machine *m, uint64_t gpa, uint32_t value)
{
	uint64_t until = clock_now_ns() + WAIT_S * NSEC_PER_SEC;

	while (machine_peek(m, gpa) < value) {
		assert_true(clock_now_ns() < until);
		clock_sleep_until_ns(clock_now_ns() + 100 * NSEC_PER_USEC);
	}
}

void machine_copy_memory(struct machine *to, struct machine *from)
{
	const struct guestmem *a = vm_memory(from->vm);
	const struct guestmem *b = vm_memory(to->vm);
	unsigned int i;

	assert_int_equal(a->nr_regions, b->nr_regions);
	for (i = 0; i < a->nr_regions; i++)
		memcpy(b->region[i].hva, a->region[i].hva, a->region[i].bytes);
}

bool machine_skip(int *ret_code)
{
	struct vm_params p = { .nr_vcpus = 1, .ram_bytes = VM_MIN_RAM_BYTES };
	const char *format = getenv("CMOCKA_MESSAGE_OUTPUT");
	struct error err = { "" };
	struct vm *vm;
	int rc = vm_create(&p, &vm, &err);

	if (!rc)
		vm_destroy(vm);
	if (rc != -ENODEV && rc != -EACCES && rc != -EOPNOTSUPP)
		return false; /* any other failure is one of the tests' */
	if (format && !strcasecmp(format, "TAP")) {
		printf("1..0 # SKIP %s\n", err.text);
		*ret_code = 0;
	} else {
		fprintf(stderr, "cannot run here: %s\n", err.text);
		*ret_code = 77;
	}
	return true;
}
