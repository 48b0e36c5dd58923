/* SPDX-License-Identifier: MIT */
/*
 * Damaged messages for the vfio-user device, from a seed or from files.
 *
 * What must hold whatever comes in: the device leaves the client or answers,
 * never waits for ever; after it the next client finds a device that resets to
 * RUNNING; no descriptor is left open; no byte outside of its own memory is
 * touched (a sanitizer watches).
 *
 * An input is pieces, each sent by itself: nr_fds (1 byte), its length (2 bytes,
 * little endian), the bytes. The first byte of all chooses the device.
 *
 * usage: fuzz-vfio [--seconds N] [--seed N (0 = by the clock)] [--save DIR]
 *	[FILE...]
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "messages.h"
#include "vfio/device.h"
#include "vfio/uapi.h"
#include "vfio/user_wire.h"

#define NR_DEVICES 4u
#define MAX_PIECE_FDS 18u

struct fuzz {
	struct vfio_device *device[NR_DEVICES];
	int stop_fd, irq_fd, memfd;
	uint64_t runs, bytes;
};

static void die(const char *what)
{
	fprintf(stderr, "fuzz-vfio: %s\n", what);
	abort();
}

static void make_devices(struct fuzz *f)
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
		  .precopy = true,
		  .precopy_rate_bytes_per_s = 1 << 30,
		  .mapping = DEVICE_TRAPPED },
	};
	unsigned int i;

	f->stop_fd = eventfd(0, EFD_CLOEXEC);
	f->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->memfd = memfd_create("fuzz", MFD_CLOEXEC);
	if (ftruncate(f->memfd, 8192))
		die("no memory file");
	for (i = 0; i < NR_DEVICES; i++)
		if (vfio_device_create(&params[i], &f->device[i]))
			die("no device");
}

static void *drain(void *ctx)
{
	static _Thread_local char bin[65536];

	while (recv(*(int *)ctx, bin, sizeof(bin), 0) > 0)
		;
	return NULL;
}

static void send_piece(const struct fuzz *f, int fd, const uint8_t *data,
		       size_t bytes, unsigned int nr_fds)
{
	union {
		struct cmsghdr head;
		uint8_t room[CMSG_SPACE(MAX_PIECE_FDS * sizeof(int))];
	} control;
	struct iovec iov = { (void *)data, bytes };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[MAX_PIECE_FDS];
	unsigned int i;

	nr_fds %= MAX_PIECE_FDS + 1;
	if (nr_fds) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
		control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(
							 nr_fds * sizeof(int)),
						 .cmsg_level = SOL_SOCKET,
						 .cmsg_type = SCM_RIGHTS };
		for (i = 0; i < nr_fds; i++)
			fds[i] = i % 2 ? f->irq_fd : f->memfd;
		memcpy(CMSG_DATA(&control.head), fds, nr_fds * sizeof(int));
	}
	if (sendmsg(fd, &msg, MSG_NOSIGNAL) < 0)
		return; /* the device may have left */
}

struct sender {
	const struct fuzz *f;
	const uint8_t *data;
	size_t bytes;
	int fd;
};

static void *send_input(void *ctx)
{
	struct sender *s = ctx;
	size_t at = 1, n;

	while (at + 3 <= s->bytes) {
		n = (size_t)(s->data[at + 1] | s->data[at + 2] << 8);
		if (n > s->bytes - at - 3)
			n = s->bytes - at - 3;
		if (n)
			send_piece(s->f, s->fd, s->data + at + 3, n,
				   s->data[at]);
		at += 3 + n;
	}
	shutdown(s->fd, SHUT_WR);
	return NULL;
}

static void serve(struct fuzz *f, struct vfio_device *d, const uint8_t *data,
		  size_t bytes)
{
	struct sender s = { f, data, bytes, -1 };
	pthread_t sending, draining;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		die("no socket");
	s.fd = fds[0];
	if (pthread_create(&sending, NULL, send_input, &s) ||
	    pthread_create(&draining, NULL, drain, &fds[0]))
		die("no thread");
	if (!vfio_device_serve_one(d, fds[1], f->stop_fd, NULL))
		die("the device stopped unasked");
	pthread_join(sending, NULL);
	pthread_join(draining, NULL);
	close(fds[0]);
}

/* A client that does what is right, and looks at the answers. */
static void check_alive(struct fuzz *f, struct vfio_device *d)
{
	uint8_t data[256];
	size_t bytes = messages_check(data), got = 0;
	struct user_header h;
	ssize_t n;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		die("no socket");
	if (write(fds[0], data, bytes) != (ssize_t)bytes)
		die("no room in the socket");
	shutdown(fds[0], SHUT_WR);
	vfio_device_serve_one(d, fds[1], f->stop_fd, NULL);
	while ((n = read(fds[0], data + got, sizeof(data) - got)) > 0)
		got += (size_t)n;
	close(fds[0]);
	/* The last reply is that of RESET. */
	if (got < sizeof(h))
		die("no answer after the input");
	memcpy(&h, data + got - sizeof(h), sizeof(h));
	if (h.command != USER_RESET || h.flags != USER_TYPE_REPLY)
		die("no reset after the input");
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

static void one_input(struct fuzz *f, const uint8_t *data, size_t bytes)
{
	unsigned int before = count_fds();
	struct vfio_device *d;

	if (!bytes)
		return;
	d = f->device[data[0] % NR_DEVICES];
	serve(f, d, data, bytes);
	check_alive(f, d);
	if (count_fds() != before)
		die("a descriptor is left open");
	f->runs++;
	f->bytes += bytes;
}

static void save(const char *dir, uint64_t run, const struct messages *m)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%06llu", dir, (unsigned long long)run);
	file = fopen(path, "w");
	if (!file || fwrite(m->data, 1, m->bytes, file) != m->bytes)
		die("cannot save");
	fclose(file);
}

static void replay(struct fuzz *f, const char *path)
{
	static uint8_t data[MESSAGES_MAX_BYTES];
	FILE *file = fopen(path, "r");
	size_t bytes;

	if (!file)
		die("cannot open an input");
	bytes = fread(data, 1, sizeof(data), file);
	fclose(file);
	one_input(f, data, bytes);
}

int main(int argc, char **argv)
{
	uint64_t seconds = 1, seed = 1, end;
	static struct messages m;
	const char *dir = NULL;
	struct fuzz f = { .runs = 0 };
	int i;

	make_devices(&f);
	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--seconds") && i + 1 < argc)
			seconds = strtoull(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
			seed = strtoull(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--save") && i + 1 < argc)
			dir = argv[++i];
		else
			replay(&f, argv[i]);
	}
	if (!seed)
		seed = clock_now_ns();
	printf("seed %llu\n", (unsigned long long)seed);
	end = clock_now_ns() + seconds * NSEC_PER_SEC;
	for (; clock_now_ns() < end; seed++) {
		messages_make(&m, seed);
		if (dir)
			save(dir, seed, &m);
		one_input(&f, m.data, m.bytes);
	}
	printf("%llu inputs, %llu bytes, last seed %llu\n",
	       (unsigned long long)f.runs, (unsigned long long)f.bytes,
	       (unsigned long long)seed - 1);
	for (i = 0; i < (int)NR_DEVICES; i++)
		vfio_device_destroy(f.device[i]);
	close(f.stop_fd);
	close(f.irq_fd);
	close(f.memfd);
	return 0;
}
