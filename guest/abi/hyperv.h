/* SPDX-License-Identifier: MIT */
/*
 * Numbers of Microsoft's hypervisor interface: what a guest that finds "Hv#1"
 * may use, and what our VMM serves.
 *
 * Source: Hypervisor Top Level Functional Specification (TLFS), v6.0b: 2.4
 * (CPUID leaves), 3 (hypercalls), 4.2.2 (partition privileges), 9 (virtual
 * MMU), 10 (interrupts), 11 (SynIC), 12 (timers), 14 (VP assist page).
 */
#ifndef VMFERRY_ABI_HYPERV_H
#define VMFERRY_ABI_HYPERV_H

#include <stddef.h>
#include <stdint.h>

#define HV_LEAF_VENDOR 0x40000000u
#define HV_LEAF_INTERFACE 0x40000001u
#define HV_LEAF_VERSION 0x40000002u
#define HV_LEAF_FEATURES 0x40000003u
#define HV_LEAF_ADVICE 0x40000004u
#define HV_LEAF_LIMITS 0x40000005u
#define HV_LEAF_HARDWARE 0x40000006u
#define HV_LEAF_NESTED 0x4000000au

#define HV_INTERFACE 0x31237648u /* "Hv#1" */

/* HV_LEAF_FEATURES, EAX: which registers there are. */
#define HV_HAS_RUNTIME (1u << 0)
#define HV_HAS_TIME_REF (1u << 1)
#define HV_HAS_SYNIC (1u << 2)
#define HV_HAS_STIMER (1u << 3)
#define HV_HAS_APIC_MSRS (1u << 4) /* the VP assist page's too */
#define HV_HAS_HYPERCALL (1u << 5) /* and the guest's identity */
#define HV_HAS_VP_INDEX (1u << 6)
#define HV_HAS_RESET (1u << 7)
#define HV_HAS_TSC_PAGE (1u << 9)
#define HV_HAS_FREQUENCY (1u << 11)
#define HV_HAS_REENLIGHTENMENT (1u << 13)
/* EBX: which hypercalls. */
#define HV_MAY_POST_MESSAGES (1u << 4)
#define HV_MAY_SIGNAL_EVENTS (1u << 5)
/* EDX. */
#define HV_EDX_XMM_INPUT (1u << 4)
#define HV_EDX_FREQUENCY (1u << 8)
#define HV_EDX_CRASH (1u << 10)
#define HV_EDX_FLUSH_RANGES (1u << 14)
#define HV_EDX_STIMER_DIRECT (1u << 19)

/* HV_LEAF_ADVICE, EAX: what pays. */
#define HV_ADVISES_REMOTE_FLUSH (1u << 2)
#define HV_ADVISES_APIC_MSRS (1u << 3)
#define HV_ADVISES_RELAXED (1u << 5)
#define HV_ADVISES_NO_AUTO_EOI (1u << 9)
#define HV_ADVISES_CLUSTER_IPI (1u << 10)
#define HV_ADVISES_EX_MASKS (1u << 11)
#define HV_ADVISES_EVMCS (1u << 14)

/* HV_LEAF_NESTED, EAX; the enlightened VMCS's versions are the low 16 bits. */
#define HV_NESTED_EVMCS 0xffffu
#define HV_NESTED_DIRECT_FLUSH (1u << 17)
#define HV_NESTED_MSR_BITMAP (1u << 19)

#define HV_MSR_GUEST_OS_ID 0x40000000u
#define HV_MSR_HYPERCALL 0x40000001u
#define HV_MSR_VP_INDEX 0x40000002u
#define HV_MSR_VP_RUNTIME 0x40000010u
#define HV_MSR_TIME_REF_COUNT 0x40000020u
#define HV_MSR_REFERENCE_TSC 0x40000021u
#define HV_MSR_TSC_FREQUENCY 0x40000022u
#define HV_MSR_APIC_FREQUENCY 0x40000023u
#define HV_MSR_EOI 0x40000070u
#define HV_MSR_ICR 0x40000071u
#define HV_MSR_TPR 0x40000072u
#define HV_MSR_VP_ASSIST_PAGE 0x40000073u
#define HV_MSR_SCONTROL 0x40000080u
#define HV_MSR_SVERSION 0x40000081u
#define HV_MSR_SIEFP 0x40000082u
#define HV_MSR_SIMP 0x40000083u
#define HV_MSR_EOM 0x40000084u
#define HV_MSR_SINT0 0x40000090u
#define HV_MSR_STIMER0_CONFIG 0x400000b0u /* then its count, then timer 1 */
#define HV_MSR_STIMER0_COUNT 0x400000b1u
#define HV_MSR_FIRST 0x40000000u
#define HV_NR_MSRS 0x100u

#define HV_NR_SINTS 16u
#define HV_NR_STIMERS 4u

/* Of every MSR that places a page. */
#define HV_PAGE_ENABLED 1ull
#define HV_PAGE_GPA (~0xfffull)
/* HV_MSR_HYPERCALL. */
#define HV_HYPERCALL_LOCKED 2ull

#define HV_SCONTROL_ENABLED 1ull
#define HV_SINT_VECTOR 0xffull
#define HV_SINT_MASKED (1ull << 16)
#define HV_SINT_AUTO_EOI (1ull << 17)
#define HV_SINT_MIN_VECTOR 16u

#define HV_STIMER_ENABLED (1ull << 0)
#define HV_STIMER_PERIODIC (1ull << 1)
#define HV_STIMER_LAZY (1ull << 2)
#define HV_STIMER_AUTO (1ull << 3)
#define HV_STIMER_VECTOR_SHIFT 4
#define HV_STIMER_DIRECT (1ull << 12)
#define HV_STIMER_SINT_SHIFT 16
#define HV_STIMER_VALID 0xf1fffull

/* The reference clock: 100 ns. */
#define HV_CLOCK_HZ 10000000u

/* Hypercalls: the input value, and what comes back. */
#define HV_CALL_FLUSH_SPACE 0x0002u
#define HV_CALL_FLUSH_LIST 0x0003u
#define HV_CALL_SEND_IPI 0x000bu
#define HV_CALL_FLUSH_SPACE_EX 0x0013u
#define HV_CALL_FLUSH_LIST_EX 0x0014u
#define HV_CALL_SEND_IPI_EX 0x0015u
#define HV_CALL_POST_MESSAGE 0x005cu
#define HV_CALL_SIGNAL_EVENT 0x005du
#define HV_CALL_CODE 0xffffull
#define HV_CALL_FAST (1ull << 16)
#define HV_CALL_HEADER_SHIFT 17 /* 10 bits, in 8 bytes */
#define HV_CALL_REPS_SHIFT 32 /* 12 bits */
#define HV_CALL_START_SHIFT 48 /* 12 bits */
#define HV_CALL_RESERVED 0xf000f000f8000000ull

#define HV_STATUS_SUCCESS 0u
#define HV_STATUS_INVALID_CODE 2u
#define HV_STATUS_INVALID_INPUT 3u
#define HV_STATUS_INVALID_ALIGNMENT 4u
#define HV_STATUS_INVALID_PARAMETER 5u
#define HV_STATUS_ACCESS_DENIED 6u
#define HV_STATUS_INVALID_CONNECTION 0x12u

#define HV_FLUSH_ALL_PROCESSORS 1u
#define HV_FLUSH_ALL_SPACES 2u
#define HV_FLUSH_NON_GLOBAL 4u

struct hv_flush_input {
	uint64_t space; /* CR3 */
	uint64_t flags;
	uint64_t processors; /* by VP index */
};
_Static_assert(sizeof(struct hv_flush_input) == 24, "TLFS 9.4.2");

/* HV_VP_SET: of the calls whose names end in Ex. */
#define HV_SET_SPARSE 0u
#define HV_SET_ALL 1u
struct hv_set {
	uint64_t format;
	uint64_t banks; /* bit i: a word for indices 64 i to 64 i + 63 */
};
_Static_assert(sizeof(struct hv_set) == 16, "TLFS 7.8.7.3");

struct hv_tsc_page {
	volatile uint32_t sequence; /* 0: use HV_MSR_TIME_REF_COUNT */
	uint32_t reserved;
	volatile uint64_t scale; /* ref = (tsc * scale >> 64) + offset */
	volatile int64_t offset;
};
_Static_assert(offsetof(struct hv_tsc_page, offset) == 16, "TLFS 12.7.2");

#define HV_MESSAGE_NONE 0u
#define HV_MESSAGE_TIMER 0x80000010u
#define HV_MESSAGE_PENDING 1u

struct hv_message {
	volatile uint32_t type;
	uint8_t bytes;
	volatile uint8_t flags;
	uint16_t reserved;
	uint64_t origin;
	uint64_t payload[30];
};
_Static_assert(sizeof(struct hv_message) == 256, "TLFS 11.6");

/* Payload of HV_MESSAGE_TIMER. */
struct hv_timer_payload {
	uint32_t timer;
	uint32_t reserved;
	uint64_t due; /* reference time */
	uint64_t delivered;
};
_Static_assert(sizeof(struct hv_timer_payload) == 24, "TLFS 12.5.3");

/* Flags of a SINT in the page of events. */
#define HV_EVENT_BYTES 256u
#define HV_EVENT_FLAGS 2048u

/*
 * Ours: HvCallSignalEvent to this connection comes back to the vCPU that
 * signals, at the SINT in bits 4..7 of the connection. Served by the mini VMM
 * only; the TLFS leaves connections to whoever makes them.
 */
#define HV_LOOP_CONNECTION 0x00764600u
#define HV_LOOP_SINT(n) (HV_LOOP_CONNECTION | (n) << 4)

/* Ours: what the hypercall page of the mini VMM writes to. */
#define HV_CALL_PORT 0xe4u

#endif
