/* SPDX-License-Identifier: MIT */
/*
 * The control area: configuration in, counters and findings out.
 *
 * Several pages of memory that guest and host share. The mini VMM keeps them
 * in a memory slot of their own (handed over as the PVH module
 * ABI_CONTROL_MODULE); everywhere else the guest takes them from its RAM and
 * announces the place (`event control gpa=... bytes=...`; the ELF note
 * VMFERRY names the cell `struct abi_anchor` in the image that holds it).
 *
 * Layout, each part at an offset that the header gives:
 *
 *	struct abi_control	header, epoch, account of RAM
 *	struct abi_vcpu[]	one cache line per vCPU: the hot counters; behind
 *				them one per DMA engine, which counts by itself
 *	struct abi_bad_log[]	one page per vCPU: damage found by the guest
 *	struct abi_stall[]	per vCPU: histogram of the time between steps
 *	struct oracle_log[]	per vCPU: when it changed its order (phases); and
 *				per DMA engine: empty
 *	struct abi_beat_log	the heartbeat: clocks side by side
 *
 * A host that reads while the guest runs sees each aligned 64-bit field whole
 * and the fields of a line in no particular order; `steps` is stored after the
 * page that it counts.
 */
#ifndef VMFERRY_ABI_CONTROL_H
#define VMFERRY_ABI_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "beat.h"
#include "oracle.h"

#define ABI_CONTROL_MAGIC 0x4c52544359525246ull /* "FRRYCTRL" */
#define ABI_PRESET_BYTES 1024u

/* What the guest says a range of RAM holds. Every byte of RAM that the boot
 * information lists is in exactly one range; ranges are sorted by gpa. */
enum abi_ram_kind {
	ABI_RAM_FREE = 1, /* never written by the guest: zero */
	ABI_RAM_WORK = 2, /* the working set: the oracle knows every byte */
	ABI_RAM_IMAGE = 3, /* read-only segments: equal to the ELF file,
			    * apart from the relocations applied */
	ABI_RAM_PRIVATE = 4, /* data, stacks, page tables, control area */
	ABI_RAM_FIRMWARE = 5, /* boot information, below 1 MiB, tables */
};

struct abi_ram_range {
	uint64_t gpa; /* OUT page-aligned */
	uint64_t bytes; /* OUT whole pages */
	uint32_t kind; /* OUT enum abi_ram_kind */
	uint32_t reserved;
};

/*
 * The workload's L2, if there is one: the first vCPU is then a hypervisor, whose
 * guest makes rounds, each of which ends in one exit to L1. L2 counts rounds and
 * L1 counts exits, each by itself.
 */
enum abi_l2_mode {
	ABI_L2_OFF = 0,
	ABI_L2_CPUID = 1, /* rounds whenever the workload rests, and between */
	ABI_L2_DIRTY = 2, /* L2 also writes the first vCPU's pages */
	ABI_L2_LOADED = 3, /* prepared, but not entered before the stop */
	ABI_L2_BARE = 4, /* L1 can virtualize and has prepared nothing */
};

/* What was wrong, first. */
enum abi_l2_bad {
	ABI_L2_NONE = 0,
	ABI_L2_LOST = 1, /* L2's exit did not come to L1 */
	ABI_L2_DOUBLED = 2, /* it came more than once */
	ABI_L2_ANSWER = 3, /* L1 gave another one than L2 got */
	ABI_L2_REGISTERS = 4,
	ABI_L2_VECTORS = 5,
	ABI_L2_ENTRY = 6, /* L1 cannot make L2 run */
};

enum abi_l2_place { ABI_L2_IN_L1 = 0, ABI_L2_IN_L2 = 1 };

/* All OUT. */
struct abi_l2 {
	uint32_t mode; /* enum abi_l2_mode, of this epoch */
	uint32_t place; /* enum abi_l2_place: where the vCPU is */
	uint64_t rounds; /* counted by L2, in this epoch */
	uint64_t exits; /* counted by L1 */
	uint32_t nr_bad;
	uint32_t bad; /* enum abi_l2_bad: the first */
	uint64_t bad_round;
	/* A bit for each register, by its number; of ABI_L2_LOST and _DOUBLED
	 * the exits that L1 had counted, of ABI_L2_ENTRY what the processor
	 * said. */
	uint64_t bad_detail;
};

enum abi_guest_state {
	ABI_STATE_BOOTING = 0,
	ABI_STATE_READY = 1, /* no epoch yet */
	ABI_STATE_FILLING = 2,
	ABI_STATE_RUNNING = 3,
	ABI_STATE_STOPPED = 4, /* at a step boundary on every vCPU */
	ABI_STATE_PANIC = 5,
	ABI_STATE_OFF = 6,
};

#define ABI_MAX_RATES 8u

/*
 * How fast, while a phase lasts. Phase i has the order epoch.order[i]; after
 * the last one the first comes again, by the TSC since epoch_tsc, on each vCPU
 * by itself. One phase only: it lasts for ever, whatever its duration.
 */
struct abi_tempo {
	/* OUT: one: of all vCPUs together, each gets its slice's share; more:
	 * vCPU i has rate i % nr_rates to itself. 0 = unpaced. */
	uint64_t rate_bytes_per_s[ABI_MAX_RATES];
	uint32_t nr_rates; /* OUT: 1..ABI_MAX_RATES */
	uint32_t duration_ms; /* OUT: of the phase; 0 = for ever */
	uint32_t burst_on_ms; /* OUT: steps for so long, then... */
	uint32_t burst_off_ms; /* OUT: ...rest for so long; 0 = never */
};

struct abi_control {
	uint64_t magic; /* IN or OUT: ABI_CONTROL_MAGIC */
	uint32_t version; /* IN or OUT: ABI_VERSION */
	uint32_t header_bytes; /* IN or OUT: sizeof(struct abi_control) */
	uint64_t bytes; /* IN or OUT: the whole area */

	/* IN: 0 = count the vCPUs by MADT. */
	uint32_t preset_cpus;
	uint32_t reserved0;
	/* IN: key=value words, NUL-terminated; they win over every other
	 * source of configuration. */
	char preset[ABI_PRESET_BYTES];

	uint32_t nr_vcpus; /* OUT: vCPUs that came up */
	uint32_t state; /* OUT: enum abi_guest_state */
	uint64_t tsc_hz; /* OUT */
	uint64_t image_gpa; /* OUT: where the image's base lies */
	uint64_t image_bytes; /* OUT: from its base to the end of .bss */
	uint64_t entry_tsc; /* OUT: TSC at the first instruction of C */
	uint64_t ready_tsc; /* OUT: TSC at `event ready` */

	/* OUT: parts of the area, as offsets from its start. */
	uint32_t vcpu_offset; /* struct abi_vcpu[nr_vcpus + nr_dma] */
	uint32_t bad_offset; /* struct abi_bad_log[nr_vcpus] */
	uint32_t stall_offset; /* struct abi_stall[nr_vcpus] */
	uint32_t queue_offset; /* room for device queues; 0 = absent */
	uint32_t dma_offset; /* room for DMA counters; 0 = absent */
	uint32_t l2_offset; /* room for more of L2; 0 = absent */
	uint32_t log_offset; /* struct oracle_log[nr_vcpus + nr_dma] */
	uint32_t beat_offset; /* struct abi_beat_log */

	/*
	 * OUT: the epoch. `epoch_seq` is odd while `epoch` and `ram` are
	 * being rewritten; read it before and after.
	 */
	uint64_t epoch_seq;
	struct oracle epoch; /* all zero before the first start */
	struct abi_tempo tempo[ORACLE_MAX_ORDERS]; /* OUT: epoch.nr_orders */
	uint64_t epoch_tsc; /* OUT: TSC when the fill was complete */
	uint32_t check; /* OUT: 1 = check before overwriting */

	uint32_t nr_ram; /* OUT */
	struct abi_ram_range ram[ABI_MAX_RAM_RANGES]; /* OUT */

	/* OUT: what a guest that ends by itself has come to. */
	uint32_t result; /* enum abi_result; stored last */
	/* OUT: DMA engines among the epoch's workers, behind the vCPUs:
	 * epoch.nr_vcpus counts them too. Changes with the epoch. */
	uint32_t nr_dma;
	uint64_t result_steps;
	uint64_t result_pages; /* verified in the end */
	uint64_t result_bad; /* found at any time */
	struct abi_l2 l2; /* OUT */
	uint64_t reserved1[6];
};

enum abi_result {
	ABI_RESULT_NONE = 0,
	ABI_RESULT_PASS = 1,
	ABI_RESULT_FAIL = 2,
};

enum abi_vcpu_phase {
	ABI_VCPU_IDLE = 0, /* halted, no work */
	ABI_VCPU_FILL = 1,
	ABI_VCPU_RUN = 2,
	ABI_VCPU_WAIT = 3, /* halted by its own pacing */
	ABI_VCPU_VERIFY = 4,
};

/* One cache line: the counters that a host samples. All OUT. */
struct abi_vcpu {
	uint64_t steps; /* completed in this epoch */
	uint64_t step_tsc; /* TSC just after the last step */
	uint64_t wait_until_tsc; /* end of the pacing pause; 0 = none */
	uint64_t filled; /* pages filled in this epoch */
	uint64_t wait_ticks; /* time spent pacing in this epoch */
	uint32_t phase; /* enum abi_vcpu_phase */
	uint32_t nr_bad; /* bad pages found, in all epochs */
	uint64_t reserved[2];
};

/* One bad page, as the guest found it. */
struct abi_bad {
	uint64_t gfn;
	uint64_t expected_visit;
	uint64_t found; /* visit found; the other gfn if misplaced */
	uint16_t kind; /* enum oracle_class */
	uint16_t found_by; /* enum abi_found_by */
	uint16_t first_offset; /* first wrong byte */
	uint16_t nr_bytes; /* wrong bytes, 1..4096 */
};

enum abi_found_by { ABI_FOUND_INLINE = 1, ABI_FOUND_VERIFY = 2 };

#define ABI_BAD_ENTRIES 127u

struct abi_bad_log {
	uint64_t nr; /* found; only the first ABI_BAD_ENTRIES are listed */
	uint64_t reserved[3];
	struct abi_bad entry[ABI_BAD_ENTRIES];
};

/*
 * Time between steps, in TSC ticks. A step's gap runs from the end of the
 * previous step, or from the end of a pacing pause if that is later, to its
 * own end: pauses that the workload takes by itself are no stall.
 *
 * Buckets are exact below 128, then 128 to an octave (0.8 % wide); the last
 * one holds everything longer. See abi_stall_bucket().
 */
#define ABI_STALL_SUB_BITS 7u
#define ABI_STALL_OCTAVES 36u
#define ABI_STALL_BUCKETS ((1u << ABI_STALL_SUB_BITS) * ABI_STALL_OCTAVES)
#define ABI_STALL_GAPS 16u

struct abi_gap {
	uint64_t start_tsc;
	uint64_t end_tsc;
	uint64_t step; /* the step that ended late; 0 = unused entry */
};

struct abi_stall {
	uint64_t nr_steps; /* samples in the buckets */
	uint64_t sum_ticks;
	uint64_t max_ticks;
	uint64_t floor_ticks; /* shortest gap in `gap`: below it, no search */
	struct abi_gap gap[ABI_STALL_GAPS]; /* the longest, in no order */
	uint64_t bucket[ABI_STALL_BUCKETS];
	uint64_t reserved[460]; /* to whole pages: an array is page by page */
};

/* In the image, found by the ELF note: where the control area lies. */
#define ABI_ANCHOR_MAGIC 0x524f48434e41465full
struct abi_anchor {
	uint64_t magic;
	uint64_t control_gpa; /* OUT: 0 until it is known */
	uint64_t control_bytes; /* OUT */
};

#define ABI_ALIGN_PAGE(x)                                                      \
	(((x) + ABI_PAGE_BYTES - 1) & ~(uint64_t)(ABI_PAGE_BYTES - 1))

/* Bytes that a control area for @nr_vcpus needs: whole pages. */
static inline uint64_t abi_control_bytes(uint32_t nr_vcpus)
{
	return ABI_ALIGN_PAGE(sizeof(struct abi_control)) +
	       ABI_ALIGN_PAGE(ABI_MAX_VCPUS * sizeof(struct abi_vcpu)) +
	       nr_vcpus * ABI_ALIGN_PAGE(sizeof(struct abi_bad_log)) +
	       nr_vcpus * ABI_ALIGN_PAGE(sizeof(struct abi_stall)) +
	       ABI_ALIGN_PAGE((nr_vcpus + ABI_MAX_DMA) *
			      sizeof(struct oracle_log)) +
	       sizeof(struct abi_beat_log);
}

/* Bucket of a gap of @ticks: 0..ABI_STALL_BUCKETS - 1. */
static inline uint32_t abi_stall_bucket(uint64_t ticks)
{
	uint32_t top, idx;

	if (ticks < (1u << ABI_STALL_SUB_BITS))
		return (uint32_t)ticks;
	top = 63u - (uint32_t)__builtin_clzll(ticks);
	idx = ((top - ABI_STALL_SUB_BITS + 1) << ABI_STALL_SUB_BITS) |
	      (uint32_t)((ticks >> (top - ABI_STALL_SUB_BITS)) &
			 ((1u << ABI_STALL_SUB_BITS) - 1));
	return idx < ABI_STALL_BUCKETS ? idx : ABI_STALL_BUCKETS - 1;
}

/* Smallest gap that falls into bucket @idx. */
static inline uint64_t abi_stall_bucket_floor(uint32_t idx)
{
	uint32_t octave = idx >> ABI_STALL_SUB_BITS;
	uint64_t sub = idx & ((1u << ABI_STALL_SUB_BITS) - 1);

	if (!octave)
		return sub;
	return ((1ull << ABI_STALL_SUB_BITS) | sub) << (octave - 1);
}

_Static_assert(sizeof(struct abi_vcpu) == 64, "one cache line per vCPU");
_Static_assert(sizeof(struct abi_bad) == 32, "entry size is ABI");
_Static_assert(sizeof(struct abi_bad_log) == ABI_PAGE_BYTES, "one page");
_Static_assert(sizeof(struct abi_stall) == 10 * ABI_PAGE_BYTES, "whole pages");
_Static_assert(sizeof(struct abi_ram_range) == 24, "entry size is ABI");
_Static_assert(sizeof(struct abi_tempo) == 80, "entry size is ABI");
_Static_assert(sizeof(struct oracle_order) == 16, "entry size is ABI");
_Static_assert(sizeof(struct abi_l2) == 48, "entry size is ABI");
_Static_assert(sizeof(struct oracle_log) == 512, "eight to a page");
_Static_assert(offsetof(struct abi_control, preset) == 32, "IN fields fixed");
_Static_assert(offsetof(struct abi_control, nr_vcpus) == 1056, "OUT fixed");
_Static_assert(offsetof(struct abi_control, epoch_seq) % 8 == 0, "aligned");
_Static_assert(sizeof(struct abi_control) <= ABI_PAGE_BYTES, "one page");

#endif
