/* SPDX-License-Identifier: MIT */
/*
 * Hyper-V as the mini VMM serves it: registers, hypercalls, SynIC, timers.
 *
 * Pure: needs no KVM; what it does to the machine goes through struct hv_ops.
 * Everything a guest writes is hostile. Context: one caller at a time
 * (hyperv.c has the lock).
 */
#ifndef VMFERRY_VMM_HYPERV_MODEL_H
#define VMFERRY_VMM_HYPERV_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hyperv.h"
#include "hv_checks.h"
#include "hyperv.h"
#include "vmm/hyperv_clock.h"

#define HV_MAX_VPS 64u

/* What is served wrongly on purpose: places in hyperv_break_names, from 1. */
#define HV_BREAK_ENUM(name, word, bits) HV_BREAK_##name,
enum hv_break { HV_BREAK_NONE, HV_CHECKS(HV_BREAK_ENUM) HV_NR_BREAKS };
#undef HV_BREAK_ENUM

struct hv_ops {
	/* Guest memory, NULL if it is not all there. */
	void *(*memory)(void *ctx, uint64_t gpa, uint64_t bytes);
	/* It was written. */
	void (*wrote)(void *ctx, uint64_t gpa, uint64_t bytes);
	/* The guest's TSC, for the virtual processor that asks. */
	uint64_t (*tsc)(void *ctx);
	void (*interrupt)(void *ctx, unsigned int vp, uint8_t vector);
	/* None of @vps (bits) runs on with what its TLB holds. */
	void (*flush)(void *ctx, uint64_t vps);
	/* hv_next_due() has changed. */
	void (*rearm)(void *ctx);
	/* Time that @vp has run, 100 ns. */
	uint64_t (*runtime)(void *ctx, unsigned int vp);
	/* Registers of the LAPIC of @vp, as its x2APIC has them.
	 * Return: 0, or -1: its LAPIC can't be reached that way. */
	int (*apic_read)(void *ctx, unsigned int vp, uint32_t msr,
			 uint64_t *ret_value);
	int (*apic_write)(void *ctx, unsigned int vp, uint32_t msr,
			  uint64_t value);
};

struct hv_timer {
	uint64_t config;
	uint64_t count;
	uint64_t due; /* reference time; 0 = not running */
	bool waiting; /* expired, and its message finds no room */
};

struct hv_vp {
	uint64_t assist, scontrol, siefp, simp;
	uint64_t sint[HV_NR_SINTS];
	struct hv_timer timer[HV_NR_STIMERS];
	uint64_t ran_before; /* on other machines, 100 ns */
};

struct hv_model {
	const struct hv_ops *ops;
	void *ctx;
	uint32_t features; /* HYPERV_BIT() */
	enum hv_break broken;
	uint64_t tsc_hz, apic_hz;
	unsigned int nr_vps;
	uint64_t os_id, hypercall, tsc_page;
	struct hv_clock clock;
	unsigned int nr_reads; /* for what is broken now and then */
	struct hv_vp vp[HV_MAX_VPS];
};

void hv_model_init(struct hv_model *hv, unsigned int nr_vps, uint32_t features,
		   enum hv_break broken);

/* Of the CPUID leaf @leaf, EAX to EDX. Return: false if there is no such. */
bool hv_leaf(const struct hv_model *hv, uint32_t leaf, uint32_t ret[4]);
/* Takes the bits of @refused features out of a leaf that is somebody else's. */
void hv_mask_leaf(uint32_t refused, uint32_t leaf, uint32_t reg[4]);
/* EAX to EDX of HV_LEAF_FEATURES, EAX of HV_LEAF_ADVICE and _NESTED. */
struct hv_leaves {
	uint32_t features[4], advice, nested;
};
/* The features that somebody's leaves have. */
uint32_t hv_leaf_has(const struct hv_leaves *leaves);

/* Return: 0, or -1: the access faults. */
int hv_msr_read(struct hv_model *hv, unsigned int vp, uint32_t msr,
		uint64_t *ret_value);
int hv_msr_write(struct hv_model *hv, unsigned int vp, uint32_t msr,
		 uint64_t value);

/* Is there a hypercall page? */
bool hv_may_call(const struct hv_model *hv);
/* @input, @output: RDX and R8. Return: RAX. */
uint64_t hv_call(struct hv_model *hv, unsigned int vp, uint64_t control,
		 uint64_t input, uint64_t output);

/* The reference time now. */
uint64_t hv_now(struct hv_model *hv);
/* What @vp has run, here and before it came here. */
uint64_t hv_runtime(struct hv_model *hv, unsigned int vp);
/* Writes the page of the reference TSC, if there is one. */
void hv_write_tsc_page(struct hv_model *hv);

/* hyperv_synic.c */
int hv_synic_read(struct hv_model *hv, unsigned int vp, uint32_t msr,
		  uint64_t *ret_value);
int hv_synic_write(struct hv_model *hv, unsigned int vp, uint32_t msr,
		   uint64_t value);
/* Puts a message into the slot of @sint. Return: false: no room, try again
 * after an end of message. */
bool hv_post(struct hv_model *hv, unsigned int vp, unsigned int sint,
	     uint32_t type, const void *payload, size_t bytes);
/* Return: a status of a hypercall. */
uint16_t hv_signal(struct hv_model *hv, unsigned int vp, unsigned int sint,
		   unsigned int flag);

/* hyperv_timer.c */
int hv_timer_read(struct hv_model *hv, unsigned int vp, uint32_t msr,
		  uint64_t *ret_value);
int hv_timer_write(struct hv_model *hv, unsigned int vp, uint32_t msr,
		   uint64_t value);
/* Timers whose message found no room. */
void hv_timer_retry(struct hv_model *hv, unsigned int vp);
/* Expires what is due at @now. */
void hv_timer_expire(struct hv_model *hv, uint64_t now);
/* Reference time of the next expiry; UINT64_MAX = none. */
uint64_t hv_next_due(const struct hv_model *hv);

/* hyperv_apic.c: EOI, ICR, TPR. */
int hv_apic_read(struct hv_model *hv, unsigned int vp, uint32_t msr,
		 uint64_t *ret_value);
int hv_apic_write(struct hv_model *hv, unsigned int vp, uint32_t msr,
		  uint64_t value);

#endif
