/* SPDX-License-Identifier: MIT */
/* Checks of messages, events and synthetic timers; the steps: hv_checks.h. */
#include "hv/hyperv.h"

#include <stddef.h>

#include "x86/cpu.h"

#define see hyperv_see
#define equal hyperv_equal
#define at_least hyperv_at_least
#define get hyperv_get
#define put hyperv_put

#define MS 10000u /* of the reference clock */
#define SINT (HYPERV_SINT << HV_STIMER_SINT_SHIFT)
#define SECOND_US 1000000u

static volatile uint32_t *taken;

static volatile struct hv_message *message(void)
{
	return (volatile struct hv_message
			*)(hyperv_pages[HYPERV_MESSAGES] +
			   HYPERV_SINT * sizeof(struct hv_message));
}

static uint64_t now(void)
{
	return get(HV_MSR_TIME_REF_COUNT);
}

/* Timer @n is to have @config and @count. */
static void set(uint32_t n, uint64_t config, uint64_t count)
{
	put(HV_MSR_STIMER0_CONFIG + 2 * n, config);
	put(HV_MSR_STIMER0_COUNT + 2 * n, count);
}

/* The slot is empty again. */
static void end_message(void)
{
	message()->type = HV_MESSAGE_NONE;
	put(HV_MSR_EOM, 0);
}

static void stop(void)
{
	set(0, 0, 0);
	set(1, 0, 0);
	end_message();
}

static void comes(uint32_t step, uint32_t before)
{
	see(step, hyperv_await(taken, before, SECOND_US), 0, 1);
}

/* None but @nr within 5 ms. */
static void no_more(uint32_t step, uint32_t before, uint32_t nr)
{
	hyperv_await(taken, before + nr, 5000);
	equal(step, *taken - before, nr);
}

/* One message after 2 ms, started by its count. Return: when it is due. */
static uint64_t one_shot(uint32_t n, uint64_t config)
{
	uint64_t due = now() + 2 * MS;

	set(n, config | HV_STIMER_AUTO, due);
	return due;
}

static void once(uint64_t config)
{
	uint32_t before = *taken;
	uint64_t due = one_shot(0, config), at;

	see(1, get(HV_MSR_STIMER0_CONFIG) & HV_STIMER_ENABLED || now() >= due,
	    get(HV_MSR_STIMER0_CONFIG), HV_STIMER_ENABLED);
	comes(2, before);
	at = now();
	/* Not early, by the clock that it goes by. */
	at_least(3, at + 10, due);
	equal(4, get(HV_MSR_STIMER0_CONFIG) & HV_STIMER_ENABLED, 0);
	equal(5, message()->type,
	      config & HV_STIMER_DIRECT ? HV_MESSAGE_NONE : HV_MESSAGE_TIMER);
	end_message();
	no_more(6, before, 1);
}

static void periodic(void)
{
	uint64_t start = now(), due, at;
	uint32_t i, before = *taken;

	set(0, HV_STIMER_PERIODIC | HV_STIMER_AUTO | SINT, 2 * MS);
	for (i = 1; i <= 5 && !hyperv_found.step; i++) {
		comes(1, before + i - 1);
		due = start + i * 2ull * MS;
		at = now();
		at_least(2, at + 10, due);
		end_message();
	}
	set(0, 0, 0);
	end_message();
	no_more(3, *taken, 0);
}

static void content(void)
{
	volatile struct hv_message *m = message();
	volatile struct hv_timer_payload *p =
		(volatile struct hv_timer_payload *)m->payload;
	uint32_t before = *taken, i;
	uint64_t due = one_shot(0, SINT);

	comes(1, before);
	equal(2, m->type, HV_MESSAGE_TIMER);
	equal(3, m->bytes, sizeof(*p));
	equal(4, p->timer, 0);
	equal(5, p->due, due);
	at_least(6, p->delivered, due);
	/* The next one finds the slot full, says so, and waits. */
	one_shot(1, SINT);
	for (i = 0; i < 100 && !(m->flags & HV_MESSAGE_PENDING); i++)
		hyperv_await(taken, *taken, 5000);
	equal(7, m->flags & HV_MESSAGE_PENDING, HV_MESSAGE_PENDING);
	/* The first one still. */
	equal(8, p->timer, 0);
	before = *taken;
	end_message();
	comes(9, before);
	equal(10, p->timer, 1);
}

/* A connection that leads back: of the mini VMM's. */
static void event(void)
{
	volatile uint8_t *flags =
		hyperv_pages[HYPERV_EVENTS] + HYPERV_SINT * HV_EVENT_BYTES;
	uint32_t before = *taken;
	uint64_t status =
		hyperv_call(HV_CALL_SIGNAL_EVENT | HV_CALL_FAST,
			    HV_LOOP_SINT(HYPERV_SINT) | 9ull << 32, 0) &
		0xffff;

	if (status) {
		hyperv_found.skip = "no connection";
		return;
	}
	comes(1, before);
	equal(2, flags[1], 2);
	flags[1] = 0;
	no_more(3, before, 1);
}

void hyperv_check_synic(enum hv_check check)
{
	taken = hyperv_taken(0);
	if (check != HV_CHECK_event)
		stop();
	if (check == HV_CHECK_event)
		event();
	else if (check == HV_CHECK_message)
		content();
	else if (check == HV_CHECK_stimer_periodic)
		periodic();
	else if (check == HV_CHECK_stimer_once)
		once(SINT);
	else
		once(HV_STIMER_DIRECT | (uint64_t)hyperv_vector()
						<< HV_STIMER_VECTOR_SHIFT);
	if (check != HV_CHECK_event)
		stop();
}
