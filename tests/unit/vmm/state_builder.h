/* SPDX-License-Identifier: MIT */
/* Machine states made up section by section. */
#ifndef VMFERRY_TESTS_STATE_BUILDER_H
#define VMFERRY_TESTS_STATE_BUILDER_H

#include "unit/unit.h"
#include "vmm/state_format.h"

#define NR_VCPUS 2u
/* The last two are not in version 1. */
#define NR_OLD_SECTIONS (NR_VCPUS * STATE_NR_VCPU_IDS + STATE_NR_CHIPS + 3)
#define NR_SECTIONS (NR_OLD_SECTIONS + 2)

/* What a builder does to one section; NR_SECTIONS = none. */
enum what { KEEP, DROP, DOUBLE, LONGER, SHORTER };

/* Of a section's payload. */
size_t state_size_of(uint32_t id);
/* Section @n of a whole state. */
void state_section(size_t n, enum state_id *id, uint32_t *index);
/* All bytes are @fill, but for the number of devices. Until the next call. */
const uint8_t *state_payload(enum state_id id, uint8_t fill);
/* Whole, but for what @what does to section @which. */
struct buf state_build(size_t which, enum what what, uint8_t fill);

#endif
