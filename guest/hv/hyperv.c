/* SPDX-License-Identifier: MIT */
/* Hyper-V's interface: found by its leaves, switched on, undone. */
#include "hv/hyperv.h"

#include <stddef.h>

#include "kern/console.h"
#include "lib/print.h"
#include "lib/string.h"
#include "lib/words.h"
#include "x86/cpu.h"
#include "x86/irq.h"

uint8_t hyperv_pages[HYPERV_NR_PAGES][4096]
	__attribute__((section(".bss.page")));
uint32_t hyperv_word[HV_NR_WORDS];
bool hyperv_is_open;

#define NO_PAGE HYPERV_NR_PAGES

/* In the order in which they are switched on. */
static const struct {
	uint8_t bits; /* of EAX */
	uint8_t msr; /* from HV_MSR_FIRST */
	uint8_t page;
} setup[] = {
	{ HV_HAS_HYPERCALL, 0x00, NO_PAGE },
	{ HV_HAS_HYPERCALL, 0x01, HYPERV_CALL },
	{ HV_HAS_APIC_MSRS, 0x73, HYPERV_ASSIST },
	{ HV_HAS_SYNIC, 0x83, HYPERV_MESSAGES },
	{ HV_HAS_SYNIC, 0x82, HYPERV_EVENTS },
	{ HV_HAS_SYNIC, 0x90 + HYPERV_SINT, NO_PAGE },
	{ HV_HAS_SYNIC, 0x80, NO_PAGE },
	/* Its bit doesn't fit; who has no register has no page. */
	{ HV_HAS_TIME_REF, 0x21, HYPERV_TSC },
};

#define NR_SETUP (sizeof(setup) / sizeof(setup[0]))

const char *hyperv_lacks(uint32_t word, uint32_t bits)
{
	struct cpuid_regs r = cpuid(HV_LEAF_INTERFACE, 0);

	memset(hyperv_word, 0, sizeof(hyperv_word));
	if (cpuid(HV_LEAF_VENDOR, 0).eax < HV_LEAF_INTERFACE ||
	    r.eax != HV_INTERFACE)
		return "no Hv#1";
	r = cpuid(HV_LEAF_FEATURES, 0);
	hyperv_word[0] = r.eax;
	hyperv_word[1] = r.ebx;
	hyperv_word[2] = r.ecx;
	hyperv_word[3] = r.edx;
	hyperv_word[4] = cpuid(HV_LEAF_ADVICE, 0).eax;
	return bits & ~hyperv_word[word] ? "not offered" : NULL;
}

uint32_t hyperv_vector(void)
{
	return irq_queue_vector(0);
}

volatile uint32_t *hyperv_taken(uint32_t cpu)
{
	return &irq_cpus[cpu].taken[hyperv_vector()];
}

static uint64_t on(uint32_t i)
{
	if (setup[i].page != NO_PAGE)
		return (uint64_t)hyperv_pages[setup[i].page] | HV_PAGE_ENABLED;
	if (!setup[i].msr)
		return HYPERV_OS_ID;
	return setup[i].msr == 0x80 ? HV_SCONTROL_ENABLED : hyperv_vector();
}

static uint64_t off(uint32_t i)
{
	return setup[i].msr == 0x90 + HYPERV_SINT ? HV_SINT_MASKED : 0;
}

void hyperv_open(void)
{
	uint32_t i;

	if (hyperv_is_open || hyperv_lacks(0, 0))
		return;
	irq_open();
	hyperv_is_open = true;
	for (i = 0; i < NR_SETUP; i++)
		if (hyperv_word[0] & setup[i].bits)
			msr_write_safe(HV_MSR_FIRST + setup[i].msr, on(i));
}

void hyperv_close(void)
{
	uint32_t i = NR_SETUP;

	if (!hyperv_is_open)
		return;
	while (i--)
		if (hyperv_word[0] & setup[i].bits)
			msr_write_safe(HV_MSR_FIRST + setup[i].msr, off(i));
	hyperv_is_open = false;
}

uint64_t hyperv_call(uint64_t control, uint64_t input, uint64_t output)
{
	return call_hypercall((uint64_t)hyperv_pages[HYPERV_CALL], control,
			      input, output);
}

uint64_t hyperv_flush(void)
{
	static const struct hv_flush_input input
		__attribute__((aligned(32))) = {
			.flags = HV_FLUSH_ALL_PROCESSORS | HV_FLUSH_ALL_SPACES,
		};

	return hyperv_call(HV_CALL_FLUSH_SPACE, (uint64_t)&input, 0);
}

uint64_t hyperv_send(uint32_t vector, uint64_t vps)
{
	return hyperv_call(HV_CALL_SEND_IPI | HV_CALL_FAST, vector, vps);
}

uint64_t hyperv_page_time(void)
{
	const struct hv_tsc_page *page =
		(const struct hv_tsc_page *)hyperv_pages[HYPERV_TSC];
	uint32_t sequence;
	uint64_t time;

	do {
		sequence = page->sequence;
		if (!sequence)
			return 0;
		lfence();
		time = (uint64_t)((unsigned __int128)rdtsc() * page->scale >>
				  64) +
		       (uint64_t)page->offset;
		lfence();
	} while (sequence != page->sequence);
	return time;
}

#define NAME(name, word, bits) #name "\0"
static const char names[] = HV_CHECKS(NAME);
#undef NAME

#define NEEDS(name, word, bits) { word, bits },
static const struct {
	uint32_t word, bits;
} needs[] = { HV_CHECKS(NEEDS) };
#undef NEEDS

static void tell(void)
{
	const char *why = hyperv_lacks(0, 0), *name = names;
	size_t used = 0;
	char text[256];

	if (why) {
		console_print("ok skip=%s", why);
		return;
	}
	for (; *name; name += string_length(name) + 1)
		used += print_text(text + used, sizeof(text) - used, "%s%s",
				   used ? "," : "", name);
	console_print("ok open=%u max=%x eax=%x ebx=%x edx=%x advice=%x "
		      "checks=%s",
		      hyperv_is_open, cpuid(HV_LEAF_VENDOR, 0).eax,
		      hyperv_word[0], hyperv_word[1], hyperv_word[3],
		      hyperv_word[4], text);
}

static void check(const char *wanted)
{
	struct hyperv_found *f = &hyperv_found;
	const char *name = names;
	bool was_open = hyperv_is_open;
	uint32_t i = 0;

	for (; *name && !string_equal(name, wanted); i++)
		name += string_length(name) + 1;
	if (!*name) {
		console_print("error no check %s", wanted);
		return;
	}
	memset(f, 0, sizeof(*f));
	f->skip = hyperv_lacks(needs[i].word, needs[i].bits);
	if (!f->skip) {
		hyperv_open();
		hyperv_check((enum hv_check)i);
		if (!was_open)
			hyperv_close();
	}
	console_print("ok check=%s step=%u saw=%lu wanted=%lu tries=%u%s%s",
		      name, f->step, f->saw, f->wanted, f->tries,
		      f->skip && !f->step ? " skip=" : "",
		      f->skip && !f->step ? f->skip : "");
}

void hyperv_command(char *words)
{
	char *word = words_next(&words);
	char *value = word ? words_value(word) : NULL;

	if (value && string_equal(word, "check")) {
		check(value);
		return;
	}
	if (word && string_equal(word, "open"))
		hyperv_open();
	else if (word && string_equal(word, "close"))
		hyperv_close();
	tell();
}
