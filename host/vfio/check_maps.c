/* SPDX-License-Identifier: MIT */
/* DMA_MAP and DMA_UNMAP: what is no region of memory is refused. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vfio/check_priv.h"

#define NEEDS (CHECK_NEEDS_USER | CHECK_DESTRUCTIVE)
#define BOTH (USER_DMA_READABLE | USER_DMA_WRITEABLE)
#define MIB (1ull << 20)
#define BASE 0x40000000ull

static int map(struct check_run *r, uint64_t address, uint64_t bytes)
{
	return r->port->map(r, address, bytes, BOTH, -1, NULL);
}

static bool mapped(struct check_run *r, uint64_t address, uint64_t bytes)
{
	return check_ok(r, map(r, address, bytes), "DMA_MAP");
}

static void run_again(struct check_run *r, const struct check_case *c)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		if (!mapped(r, BASE, MIB) ||
		    !check_ok(r, r->port->unmap(r, BASE, MIB), "DMA_UNMAP"))
			return;
}

static void run_overlap(struct check_run *r, const struct check_case *c)
{
	static const struct {
		uint64_t address, bytes;
		const char *what;
	} over[] = {
		{ BASE, 4 * MIB, "the same region" },
		{ BASE - MIB, 2 * MIB, "a region that reaches into its begin" },
		{ BASE + 3 * MIB, 2 * MIB, "a region from inside on" },
		{ BASE + MIB, MIB, "a region inside" },
		{ BASE - MIB, 6 * MIB, "a region around" },
		{ BASE + 4 * MIB - 4096, 4096, "its last page" },
	};
	size_t i;

	if (!mapped(r, BASE, 4 * MIB))
		return;
	for (i = 0; i < sizeof(over) / sizeof(over[0]); i++)
		if (!check_refused(r, map(r, over[i].address, over[i].bytes),
				   over[i].what))
			return;
	/* Side by side is fine. */
	mapped(r, BASE + 4 * MIB, MIB);
}

static void run_wrap(struct check_run *r, const struct check_case *c)
{
	if (check_refused(r, map(r, 0xfffffffffff00000ull, 2 * MIB),
			  "a region that wraps around"))
		check_refused(r, map(r, 4096, 0xfffffffffffff000ull),
			      "a region that ends at 0");
}

static void run_empty(struct check_run *r, const struct check_case *c)
{
	check_refused(r, map(r, BASE, 0), "a region of no bytes");
}

static void run_unaligned(struct check_run *r, const struct check_case *c)
{
	if (check_refused(r, map(r, BASE + 1, MIB),
			  "a region that begins inside of a page"))
		check_refused(r, map(r, BASE, MIB + 1),
			      "a region that ends inside of one");
}

static void run_flags(struct check_run *r, const struct check_case *c)
{
	check_refused(r,
		      r->port->map(r, BASE, MIB, BOTH | 0x80000000u, -1, NULL),
		      "a region with unknown flags");
}

/* A file that is shorter than it was said, and one at an offset that no file
 * has. */
static void run_file(struct check_run *r, const struct check_case *c)
{
	const struct user_dma_map bad = { sizeof(bad), BOTH,
					  0x7ffffffffffff000ull, BASE, MIB };
	int fd = memfd_create("vmferry-check", MFD_CLOEXEC);
	int rc;

	if (fd < 0 || ftruncate(fd, 4096)) {
		check_skip(r, "no memory");
		goto close;
	}
	rc = check_user_call(r, USER_DMA_MAP, &bad, sizeof(bad), NULL, 0, &fd,
			     1);
	check_refused(r, rc, "an offset that wraps around");
close:
	if (fd >= 0)
		close(fd);
}

/* Of something that is no memory. */
static void run_no_memory(struct check_run *r, const struct check_case *c)
{
	int fds[2], rc;

	if (pipe2(fds, O_CLOEXEC))
		return check_skip(r, "no pipe");
	rc = r->port->map(r, BASE, MIB, BOTH, fds[0], NULL);
	check_refused(r, rc, "a pipe as memory");
	close(fds[0]);
	close(fds[1]);
}

static void run_unmap_unknown(struct check_run *r, const struct check_case *c)
{
	if (!check_refused(r, r->port->unmap(r, BASE, MIB),
			   "an unmap of what is not there") ||
	    !mapped(r, BASE, 4 * MIB))
		return;
	check_refused(r, r->port->unmap(r, BASE + 64 * MIB, MIB),
		      "an unmap of what is not there either");
}

static void run_unmap_part(struct check_run *r, const struct check_case *c)
{
	if (!mapped(r, BASE, 4 * MIB) ||
	    !check_refused(r, r->port->unmap(r, BASE, MIB),
			   "an unmap of the first quarter"))
		return;
	check_refused(r, r->port->unmap(r, BASE - MIB, 8 * MIB),
		      "an unmap of more than was mapped");
}

/* Many: each is one, up to the number that was agreed on; and all go. */
static void run_many(struct check_run *r, const struct check_case *c)
{
	unsigned int nr = 512, i;

	if (nr > r->peer.max_dma_maps)
		nr = (unsigned int)r->peer.max_dma_maps;
	for (i = 0; i < nr; i++)
		if (!mapped(r, BASE + 2 * i * MIB, MIB))
			return;
	for (i = 0; i < nr; i++)
		if (!check_ok(r, r->port->unmap(r, BASE + 2 * i * MIB, MIB),
			      "DMA_UNMAP"))
			return;
}

#define MAP "vfio-user, DMA_MAP: "
#define UNMAP "vfio-user, DMA_UNMAP: "

const struct check_case check_maps_cases[] = {
	CHECK_CASE("maps.again", UNMAP "what was unmapped can be mapped again",
		   CHECK_MUST, NEEDS, run_again),
	CHECK_CASE("maps.overlap",
		   MAP
		   "over a region that exists it fails with EEXIST (EINVAL in "
		   "the field)",
		   CHECK_MUST, NEEDS, run_overlap),
	CHECK_CASE("maps.wrap", MAP "a region ends behind its begin",
		   CHECK_MUST, NEEDS, run_wrap),
	CHECK_CASE("maps.empty", MAP "a region has bytes", CHECK_SHOULD, NEEDS,
		   run_empty),
	CHECK_CASE("maps.unaligned",
		   "vfio-user, VERSION, pgsizes: regions are whole pages",
		   CHECK_DIFFERS, NEEDS, run_unaligned),
	CHECK_CASE("maps.flags", MAP "flags that are not known are refused",
		   CHECK_DIFFERS, NEEDS, run_flags),
	CHECK_CASE("maps.offset", MAP "offset and size lie in a file",
		   CHECK_SHOULD, NEEDS, run_file),
	CHECK_CASE("maps.no-memory", MAP "a descriptor can be mapped",
		   CHECK_SHOULD, NEEDS, run_no_memory),
	CHECK_CASE("maps.unmap-unknown", UNMAP "of a region that was mapped",
		   CHECK_MUST, NEEDS, run_unmap_unknown),
	CHECK_CASE("maps.unmap-part",
		   UNMAP
		   "address and size are those of a region that was mapped",
		   CHECK_SHOULD, NEEDS, run_unmap_part),
	CHECK_CASE("maps.many", "vfio-user, VERSION, max_dma_maps: as many fit",
		   CHECK_SHOULD, NEEDS, run_many),
};
const size_t check_maps_nr =
	sizeof(check_maps_cases) / sizeof(check_maps_cases[0]);
