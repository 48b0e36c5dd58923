/* SPDX-License-Identifier: MIT */
/* Verification of single pages, by what they belong to. */
#ifndef VMFERRY_DRIVE_VERIFY_PAGE_H
#define VMFERRY_DRIVE_VERIFY_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "drive/elf_image.h"
#include "drive/expect.h"
#include "drive/findings.h"

/* What all threads share; constant. */
struct verify_rules {
	struct expect expect; /* only with an epoch */
	struct elf_image image; /* data NULL = none */
	bool in_flight_allowed;
};

enum verify_verdict { VERIFY_GOOD, VERIFY_IN_FLIGHT, VERIFY_BAD };

/*
 * One page, 16-aligned; ABI_RAM_WORK, _FREE or _IMAGE by name. @ret is filled
 * in with VERIFY_BAD only. @scratch: two pages, 64-aligned.
 */
enum verify_verdict verify_work_page(const struct verify_rules *rules,
				     uint64_t gfn, const uint8_t *page,
				     uint8_t *scratch, struct finding *ret);
enum verify_verdict verify_free_page(const struct verify_rules *rules,
				     uint64_t gfn, const uint8_t *page,
				     uint8_t *scratch, struct finding *ret);
/* elf_image_page() must know the page. */
enum verify_verdict verify_image_page(const struct verify_rules *rules,
				      uint64_t gfn, const uint8_t *page,
				      uint8_t *scratch, struct finding *ret);

#endif
