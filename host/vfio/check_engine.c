/* SPDX-License-Identifier: MIT */
/* Our DMA engine at work, where the device is ours: see abi/dma.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "vfio/check_priv.h"

#define PCI_COMMAND 4u
#define PCI_COMMAND_MEMORY_AND_MASTER 6u
#define RATE_BYTES_PER_S (16u << 20)

static const struct oracle epoch = {
	.seed = 7,
	.epoch = 5,
	.nr_vcpus = 1,
	.nr_orders = 1,
	.write = ORACLE_WRITE_STAMP,
	.content = ORACLE_CONTENT_RANDOM,
	.nr_pages = ENGINE_NR_PAGES,
	.nr_ranges = 1,
	.range = { { ENGINE_BASE >> 12, ENGINE_NR_PAGES } },
	.order = { { .pattern = ORACLE_RANDOM } },
};

static bool make_memory(struct check_run *r)
{
	uint64_t i;
	int fd = memfd_create("vmferry-check", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *p = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, ENGINE_BYTES) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK))
		p = mmap(NULL, ENGINE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			 fd, 0);
	r->memory.fd = fd;
	if (p == MAP_FAILED) {
		check_skip(r, "no memory to write");
		return false;
	}
	r->memory.hva = p;
	for (i = 0; i < ENGINE_NR_PAGES; i++)
		oracle_page(&epoch, (ENGINE_BASE >> 12) + i, 0,
			    r->memory.hva + i * 4096);
	return true;
}

bool check_engine_reg(struct check_run *r, size_t offset, size_t bytes,
		      uint64_t *ret)
{
	*ret = 0;
	return check_ok(r,
			r->port->region_read(r, ABI_DMA_BAR_REGS, offset, ret,
					     (uint32_t)bytes),
			"reading a register");
}

bool check_engine_set(struct check_run *r, size_t offset, size_t bytes,
		      uint64_t value)
{
	return check_ok(r,
			r->port->region_write(r, ABI_DMA_BAR_REGS, offset,
					      &value, (uint32_t)bytes),
			"writing a register");
}

bool check_engine_control(struct check_run *r, uint32_t control)
{
	return check_engine_set(r, ENGINE_REG(control), 4, control);
}

static bool set_epoch(struct check_run *r)
{
	uint64_t word;
	size_t i;

	for (i = 0; i < sizeof(epoch); i += sizeof(word)) {
		memcpy(&word, (const uint8_t *)&epoch + i, sizeof(word));
		if (!check_engine_set(r, ENGINE_REG(oracle) + i, 8, word))
			return false;
	}
	return true;
}

bool check_engine_map(struct check_run *r, bool by_messages, uint32_t flags)
{
	r->dma_writes = r->dma_reads = 0;
	return make_memory(r) &&
	       check_ok(r,
			r->port->map(r, ENGINE_BASE, ENGINE_BYTES, flags,
				     by_messages ? -1 : r->memory.fd,
				     r->memory.hva),
			"DMA_MAP");
}

bool check_engine_init(struct check_run *r, bool by_messages, uint32_t flags)
{
	const uint16_t command = PCI_COMMAND_MEMORY_AND_MASTER;

	return check_engine_map(r, by_messages, flags) && set_epoch(r) &&
	       check_engine_set(r, ENGINE_REG(counter_gpa), 8,
				ENGINE_COUNTER) &&
	       check_engine_set(r, ENGINE_REG(rate_bytes_per_s), 8,
				RATE_BYTES_PER_S) &&
	       check_ok(r,
			r->port->region_write(r, VFIO_PCI_CONFIG_REGION_INDEX,
					      PCI_COMMAND, &command,
					      sizeof(command)),
			"bus mastering");
}

void check_engine_exit(struct check_run *r)
{
	if (r->memory.hva)
		munmap(r->memory.hva, ENGINE_BYTES);
	if (r->memory.fd >= 0)
		close(r->memory.fd);
	r->memory = (struct check_memory){ NULL, -1 };
}

uint64_t check_engine_counter(const struct check_run *r)
{
	const uint8_t *at = r->memory.hva + (ENGINE_COUNTER - ENGINE_BASE);

	return __atomic_load_n((const uint64_t *)(const void *)at,
			       __ATOMIC_ACQUIRE);
}

bool check_engine_wait(struct check_run *r, uint64_t steps)
{
	uint64_t done = 0;

	do {
		/* Asking has messages of DMA flow, too. */
		if (!check_engine_reg(r, ENGINE_REG(steps), 8, &done))
			return false;
		if (done >= steps)
			return true;
		clock_sleep_until_ns(clock_now_ns() + NSEC_PER_MSEC);
	} while (check_time_left_ms(r));
	return check_that(r, false, "the engine made %llu steps, not %llu",
			  (unsigned long long)done, (unsigned long long)steps);
}

bool check_engine_memory(struct check_run *r)
{
	uint64_t i, visit, steps = check_engine_counter(r);
	uint8_t page[4096];
	struct oracle_cursor c;

	oracle_cursor_seek(&c, &epoch, 0, NULL, steps);
	for (i = 0; i < ENGINE_NR_PAGES; i++) {
		visit = oracle_cursor_visit(&c, i);
		oracle_page(&epoch, (ENGINE_BASE >> 12) + i, visit, page);
		if (!check_that(
			    r, !memcmp(r->memory.hva + i * 4096, page, 4096),
			    "page %llu is not what step %llu left",
			    (unsigned long long)i, (unsigned long long)steps))
			return false;
	}
	return true;
}
