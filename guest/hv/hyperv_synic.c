/* SPDX-License-Identifier: MIT */
/* Checks of messages, events and synthetic timers; the steps: hv_checks.h. */
#include "hv/hyperv.h"

#include <stddef.h>

#include "x86/cpu.h"

#define see hyperv_see
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

static bool comes(uint32_t before)
{
	return hyperv_await(taken, before, SECOND_US);
}

/* None within 5 ms. */
static bool no_more(uint32_t before)
{
	return !hyperv_await(taken, before, 5000);
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
	see(2, comes(before), 0, 1);
	at = now();
	/* Not early, by the clock that it goes by. */
	see(3, at + 10 >= due, at, due);
	at = get(HV_MSR_STIMER0_CONFIG);
	see(4, !(at & HV_STIMER_ENABLED), at, 0);
	if (!(config & HV_STIMER_DIRECT)) {
		see(5, message()->type == HV_MESSAGE_TIMER, message()->type,
		    HV_MESSAGE_TIMER);
		end_message();
	} else {
		see(5, message()->type == HV_MESSAGE_NONE, message()->type, 0);
	}
	see(6, no_more(before + 1), *taken - before, 1);
}

static void periodic(void)
{
	uint64_t start = now(), due, at;
	uint32_t i, before = *taken;

	set(0, HV_STIMER_PERIODIC | HV_STIMER_AUTO | SINT, 2 * MS);
	for (i = 1; i <= 5 && !hyperv_found.step; i++) {
		see(1, comes(before + i - 1), i - 1, 5);
		due = start + i * 2ull * MS;
		at = now();
		see(2, at + 10 >= due, at, due);
		end_message();
	}
	set(0, 0, 0);
	end_message();
	before = *taken;
	see(3, no_more(before), *taken - before, 0);
}

static void content(void)
{
	volatile struct hv_message *m = message();
	volatile struct hv_timer_payload *p =
		(volatile struct hv_timer_payload *)m->payload;
	uint32_t before = *taken, i;
	uint64_t due = one_shot(0, SINT);

	see(1, comes(before), 0, 1);
	see(2, m->type == HV_MESSAGE_TIMER, m->type, HV_MESSAGE_TIMER);
	see(3, m->bytes == sizeof(*p), m->bytes, sizeof(*p));
	see(4, !p->timer && p->due == due, p->due, due);
	see(5, p->delivered >= due, p->delivered, due);
	/* The next one finds the slot full, says so, and waits. */
	one_shot(1, SINT);
	for (i = 0; i < 100 && !(m->flags & HV_MESSAGE_PENDING); i++)
		no_more(*taken);
	see(6, m->flags & HV_MESSAGE_PENDING, m->flags, HV_MESSAGE_PENDING);
	see(7, !p->timer, p->timer, 0);
	before = *taken;
	end_message();
	see(8, comes(before), 0, 1);
	see(9, m->type == HV_MESSAGE_TIMER && p->timer == 1, p->timer, 1);
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
	see(1, comes(before), 0, 1);
	see(2, flags[1] == 2, flags[1], 2);
	flags[1] = 0;
	see(3, no_more(before + 1), *taken - before, 1);
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
