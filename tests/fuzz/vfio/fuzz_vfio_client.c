/* SPDX-License-Identifier: MIT */
/*
 * The vfio-user client against a device whose answers are damaged on their way.
 *
 * What must hold whatever comes in: each call ends in its time; once the client
 * says that the device is lost it stays so, with a sentence; no descriptor is
 * left open, no byte outside of its own memory is touched (a sanitizer
 * watches).
 *
 * usage: fuzz-vfio-client [--seconds N] [--seed N (0 = by the clock)]
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "middle.h"
#include "vfio/client.h"
#include "vfio/device.h"

#define NR_DEVICES 4u
#define TIMEOUT_MS 100u
#define PIECE 4096u

static uint8_t memory[MIDDLE_MEMORY_BYTES];

static void die(const char *what)
{
	fprintf(stderr, "fuzz-vfio-client: %s\n", what);
	abort();
}

/* ---- the client's part --------------------------------------------------- */

static int dma(void *ctx, uint64_t address, void *data, uint64_t bytes,
	       bool write)
{
	if (address > MIDDLE_MEMORY_BYTES ||
	    bytes > MIDDLE_MEMORY_BYTES - address)
		return -EFAULT;
	if (write)
		memcpy(memory + address, data, bytes);
	else
		memcpy(data, memory + address, bytes);
	return 0;
}

static uint8_t stream[1u << 20];

static size_t read_state(struct vfio_client *c)
{
	size_t at = 0, n;
	bool end = false;

	while (!end && at + PIECE <= sizeof(stream)) {
		n = 0;
		if (vfio_client_data_read(c, stream + at, PIECE, &n, &end))
			break;
		if (n > PIECE)
			die("more data than asked for");
		at += n;
	}
	return at;
}

/* Two pieces stand open at once. */
static void read_halves(struct vfio_client *c)
{
	const void *data;
	bool end = false;
	size_t n;
	int open = 0, i;

	for (i = 0; i < 2; i++)
		open += !vfio_client_data_ask(c, PIECE);
	for (; open; open--)
		if (!vfio_client_data_take(c, &data, &n, &end))
			memcpy(stream, data, n);
}

static void use_regions(struct vfio_client *c)
{
	struct vfio_region r;
	uint32_t i, count = 0;

	for (i = 0; i < vfio_client_nr_regions(c) && i < 12; i++) {
		if (vfio_client_region(c, i, &r))
			continue;
		if (r.nr_areas > VFIO_MAX_AREAS || (r.nr_areas && r.fd < 0))
			die("areas of nothing");
		if (r.fd >= 0)
			close(r.fd);
		vfio_client_read(c, i, 0, stream, 4);
		vfio_client_write(c, i, 8, stream, 4);
	}
	vfio_client_irq_count(c, VFIO_PCI_MSIX_IRQ_INDEX, &count);
}

static void use_logging(struct vfio_client *c)
{
	const struct mig_logging_range range = { 0, 1 << 20 };
	uint64_t map[4] = { 0 };

	vfio_client_log_start(c, 4096, &range, 1);
	vfio_client_log_report(c, 0, 1 << 20, 4096, map);
	vfio_client_log_stop(c);
}

static void use(struct vfio_client *c, int irq_fd, int memfd)
{
	uint32_t state;
	uint64_t size;
	size_t bytes;

	use_regions(c);
	vfio_client_set_irqs(c, VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, &irq_fd);
	vfio_client_map(c, 0, MIDDLE_MEMORY_BYTES, true, memfd, 0, NULL);
	use_logging(c);
	vfio_client_get_state(c, &state);
	vfio_client_set_state(c, MIG_STATE_PRE_COPY);
	bytes = read_state(c);
	vfio_client_data_size(c, &size);
	vfio_client_set_state(c, MIG_STATE_STOP_COPY);
	read_halves(c);
	bytes = read_state(c);
	vfio_client_set_state(c, MIG_STATE_RESUMING);
	vfio_client_data_write(c, stream, bytes);
	vfio_client_set_state(c, MIG_STATE_RUNNING);
	vfio_client_serve(c);
	vfio_client_unmap(c, 0, MIDDLE_MEMORY_BYTES);
	vfio_client_reset(c);
	/* A loss is for good. */
	if (vfio_client_get_state(c, &state) == -ENOTCONN &&
	    (vfio_client_get_state(c, &state) != -ENOTCONN ||
	     !vfio_client_why(c)[0]))
		die("a device that was lost is back, or without a sentence");
}

/* ---- one run ------------------------------------------------------------- */

struct serving {
	struct vfio_device *device;
	int fd, stop_fd;
};

static void *serve(void *ctx)
{
	struct serving *s = ctx;

	vfio_device_serve_one(s->device, s->fd, s->stop_fd, NULL);
	return NULL;
}

static unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int nr = 0;

	while (dir && readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

static uint64_t one_run(struct serving *s, uint64_t seed, int irq_fd, int memfd)
{
	struct vfio_client_params params = { .timeout_ms = TIMEOUT_MS,
					     .cancel_fd = -1,
					     .dma = dma };
	struct middle m = { .rng = seed * 0x9e3779b97f4a7c15ull | 1 };
	int client[2], device[2];
	struct vfio_client *c = NULL;
	pthread_t serving, middle;
	struct error err = { "" };
	char target[32];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, device) ||
	    user_wire_init(&m.client, client[1]) ||
	    user_wire_init(&m.device, device[0]))
		die("no sockets");
	m.client.send_timeout_ms = m.device.send_timeout_ms = 1000;
	m.rate = (unsigned int)(1u << middle_random(&m.rng, 10));
	s->fd = device[1];
	snprintf(target, sizeof(target), "fd:%d", client[0]);
	params.target = target;
	params.protocol = (enum vfio_protocol)middle_random(&m.rng, 3);
	if (pthread_create(&serving, NULL, serve, s) ||
	    pthread_create(&middle, NULL, middle_stand, &m))
		die("no thread");
	if (vfio_client_open(&params, &c, &err)) {
		if (!err.text[0])
			die("refused without a sentence");
	} else {
		use(c, irq_fd, memfd);
		vfio_client_close(c);
	}
	pthread_join(middle, NULL);
	pthread_join(serving, NULL);
	return m.damaged;
}

static void make_devices(struct vfio_device *ret[NR_DEVICES])
{
	static const struct device_params params[NR_DEVICES] = {
		{ .state_bytes = 100,
		  .initial_bytes = 50,
		  .p2p = true,
		  .precopy = true },
		{ .state_bytes = 20000, .mapping = DEVICE_SPARSE },
		{ .state_bytes = 5000,
		  .protocol = DEVICE_PROTOCOL_V1,
		  .precopy = true },
		{ .state_bytes = 9000,
		  .protocol = DEVICE_PROTOCOL_V1,
		  .mapping = DEVICE_TRAPPED },
	};
	unsigned int i;

	for (i = 0; i < NR_DEVICES; i++)
		if (vfio_device_create(&params[i], &ret[i]))
			die("no device");
}

int main(int argc, char **argv)
{
	uint64_t seconds = 1, seed = 1, end, runs = 0, damaged = 0;
	struct vfio_device *device[NR_DEVICES];
	struct serving s = { .stop_fd = eventfd(0, EFD_CLOEXEC) };
	int irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), i;
	int memfd = memfd_create("fuzz", MFD_CLOEXEC);
	unsigned int fds;

	if (ftruncate(memfd, MIDDLE_MEMORY_BYTES))
		die("no memory");
	for (i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--seconds"))
			seconds = strtoull(argv[i + 1], NULL, 0);
		else if (!strcmp(argv[i], "--seed"))
			seed = strtoull(argv[i + 1], NULL, 0);
	}
	if (!seed)
		seed = clock_now_ns();
	printf("seed %llu\n", (unsigned long long)seed);
	make_devices(device);
	fds = count_fds();
	end = clock_now_ns() + seconds * NSEC_PER_SEC;
	for (; clock_now_ns() < end; seed++, runs++) {
		s.device = device[seed % NR_DEVICES];
		damaged += one_run(&s, seed, irq_fd, memfd);
		if (count_fds() != fds)
			die("a descriptor is left open");
	}
	printf("%llu runs, %llu damaged answers, last seed %llu\n",
	       (unsigned long long)runs, (unsigned long long)damaged,
	       (unsigned long long)seed - 1);
	for (i = 0; i < (int)NR_DEVICES; i++)
		vfio_device_destroy(device[i]);
	close(s.stop_fd);
	close(irq_fd);
	close(memfd);
	return runs && !damaged;
}
