/* SPDX-License-Identifier: MIT */
/*
 * Damaged input for the QMP server, from a seed.
 *
 * What must hold whatever comes in: each line out is one QMP message; after
 * "\n\xff\n" the server understands a command again, unless it said that the
 * input was too long and hung up; and no descriptor is left open at the end.
 *
 * usage: fuzz-qmp [--seconds N] [--seed N (0 = by the clock)]
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd_message.h"
#include "mutate.h"
#include "qmp/server.h"

#define PROBE "\n\xff\n{\"execute\":\"query-version\",\"id\":424242}\n"
#define PATIENCE_MS 20000

struct fuzz {
	struct qmp_server *srv;
	struct sockaddr_un addr;
	socklen_t addr_bytes;
	uint64_t seed, run;
	uint64_t nr_lines, nr_errors, nr_too_long;
};

static int do_echo(void *ctx, struct qmp_call *call, json_t *args,
		   json_t **ret_value, struct qmp_error *err)
{
	*ret_value = json_incref(args);
	return 0;
}

static int do_fail(void *ctx, struct qmp_call *call, json_t *args,
		   json_t **ret_value, struct qmp_error *err)
{
	return -EIO;
}

static int do_event(void *ctx, struct qmp_call *call, json_t *args,
		    json_t **ret_value, struct qmp_error *err)
{
	return qmp_server_event(((struct fuzz *)ctx)->srv, "STOP", NULL);
}

static int do_take(void *ctx, struct qmp_call *call, json_t *args,
		   json_t **ret_value, struct qmp_error *err)
{
	const char *name = json_string_value(json_object_get(args, "fdname"));
	int fd = qmp_call_take_fd(call, name);

	return fd < 0 ? fd : close(fd);
}

static const struct qmp_arg echo_args[] = {
	{ "s", QMP_ARG_STRING, false },
	{ "i", QMP_ARG_INT, true },
	{ "z", QMP_ARG_SIZE, true },
	{ "b", QMP_ARG_BOOL, true },
	{ "o", QMP_ARG_OBJECT, true },
	{ "a", QMP_ARG_ARRAY, true },
	{ 0 },
};
static const struct qmp_arg take_args[] = { { "fdname", QMP_ARG_STRING, false },
					    { 0 } };
static const struct qmp_command commands[] = {
	{ "echo", do_echo, echo_args },
	{ "fail", do_fail, NULL },
	{ "event", do_event, NULL },
	{ "take", do_take, take_args },
	{ 0 },
};

__attribute__((noreturn, format(printf, 2, 3))) static void
fail(const struct fuzz *f, const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "seed %llu, run %llu: ", (unsigned long long)f->seed,
		(unsigned long long)f->run);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void *serve(void *ctx)
{
	struct fuzz *f = ctx;

	if (qmp_server_run(f->srv))
		fail(f, "the server's loop failed");
	return NULL;
}

/* Listens on an abstract address of the kernel's choice. */
static void start(struct fuzz *f, pthread_t *ret_thread)
{
	const struct qmp_server_params params = { .commands = commands,
						  .ctx = f,
						  .package = "fuzz" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	f->addr.sun_family = AF_UNIX;
	f->addr_bytes = sizeof(f->addr);
	if (bind(fd, (struct sockaddr *)&f->addr, sizeof(sa_family_t)) ||
	    listen(fd, 8) ||
	    getsockname(fd, (struct sockaddr *)&f->addr, &f->addr_bytes) ||
	    qmp_server_create(&params, &f->srv) ||
	    qmp_server_listen(f->srv, fd) ||
	    pthread_create(ret_thread, NULL, serve, f))
		fail(f, "cannot set up a server");
}

static ssize_t send_some(int sock, const char *data, size_t bytes, bool with_fd)
{
	struct iovec iov = { (void *)(uintptr_t)data, bytes };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct fd_message with;

	if (with_fd)
		fd_message_attach(&with, &msg, &sock, 1);
	return sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Waits for one of the events @wait (0 = does not), and reads what is there. */
static void receive_some(struct fuzz *f, int sock, struct buf *out, short wait,
			 bool *ret_end)
{
	struct pollfd p = { .fd = sock, .events = wait };
	char *room = buf_reserve(out, 65536);
	ssize_t n;

	if (!room)
		fail(f, "no memory");
	if (wait && poll(&p, 1, PATIENCE_MS) != 1)
		fail(f, "the server stands still");
	n = recv(sock, room, 65536, MSG_DONTWAIT);
	if (n > 0)
		out->bytes += (size_t)n;
	*ret_end = !n || (n < 0 && errno != EAGAIN);
}

/* In random pieces, reading on the way so that nobody's queue fills. */
static void talk(struct fuzz *f, int sock, const char *data, size_t bytes,
		 uint64_t *rng, struct buf *out)
{
	uint32_t chunk = random_below(rng, 2) ? 65536 : 1;
	bool end = false;
	ssize_t n;

	chunk += random_below(rng, 64);
	while (bytes && !end) {
		n = send_some(sock, data, bytes < chunk ? bytes : chunk,
			      !random_below(rng, 16));
		if (n > 0) {
			data += n;
			bytes -= (size_t)n;
		} else if (errno != EAGAIN) {
			break;
		}
		receive_some(f, sock, out, n < 0 ? POLLIN | POLLOUT : 0, &end);
	}
	shutdown(sock, SHUT_WR);
	while (!end)
		receive_some(f, sock, out, POLLIN, &end);
}

/* "QMP", "return", "error" or "event": exactly one. */
static const char *kind_of(const json_t *message)
{
	static const char *const kinds[] = { "QMP", "return", "error",
					     "event" };
	const char *found = NULL;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (!json_object_get(message, kinds[i]))
			continue;
		if (found)
			return NULL;
		found = kinds[i];
	}
	return found;
}

/* Returns whether it was the reply to the probe. */
static bool check_line(struct fuzz *f, const char *line, size_t bytes)
{
	json_t *message = json_loadb(line, bytes, JSON_REJECT_DUPLICATES, NULL);
	const char *kind = kind_of(message);
	const char *desc = json_string_value(
		json_object_get(json_object_get(message, "error"), "desc"));
	bool probe;

	if (!kind)
		fail(f, "the server said \"%.*s\"", (int)bytes, line);
	if (!strcmp(kind, "error") && (!desc || !*desc))
		fail(f, "an error without a sentence");
	f->nr_lines++;
	f->nr_errors += desc != NULL;
	f->nr_too_long += desc && strstr(desc, "size limit exceeded");
	probe = json_integer_value(json_object_get(message, "id")) == 424242;
	json_decref(message);
	return probe;
}

static void check_output(struct fuzz *f, const struct buf *out)
{
	const char *at = (const char *)out->data, *end = at + out->bytes, *eol;
	uint64_t too_long = f->nr_too_long;
	bool probe = false;

	while (at < end) {
		eol = memchr(at, '\n', (size_t)(end - at));
		if (!eol || eol == at || eol[-1] != '\r')
			fail(f, "the server's line has no end");
		probe = check_line(f, at, (size_t)(eol - at - 1));
		at = eol + 1;
	}
	if (!probe && f->nr_too_long == too_long)
		fail(f, "no reply to what came after the damage");
}

static void run_once(struct fuzz *f, uint64_t *rng, struct input *in)
{
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct buf out = BUF_INIT;

	if (connect(sock, (struct sockaddr *)&f->addr, f->addr_bytes))
		fail(f, "cannot connect: %s", strerror(errno));
	input_make(in, rng);
	if (in->bytes > MUTATE_MAX_BYTES - sizeof(PROBE))
		in->bytes = MUTATE_MAX_BYTES - sizeof(PROBE);
	memcpy(in->data + in->bytes, PROBE, sizeof(PROBE) - 1);
	in->bytes += sizeof(PROBE) - 1;
	talk(f, sock, in->data, in->bytes, rng, &out);
	close(sock);
	check_output(f, &out);
	buf_exit(&out);
}

static int nr_open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int nr = 0;

	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

static uint64_t option(int argc, char **argv, const char *name, uint64_t value)
{
	int i;

	for (i = 1; i + 1 < argc; i += 2)
		if (!strcmp(argv[i], name))
			value = strtoull(argv[i + 1], NULL, 10);
	return value;
}

int main(int argc, char **argv)
{
	uint64_t seconds = option(argc, argv, "--seconds", 10), end_ns, rng;
	struct fuzz f = { .seed = option(argc, argv, "--seed", 1) };
	struct input *in = malloc(sizeof(*in));
	int nr_fds = nr_open_fds();
	pthread_t thread;

	if (!in)
		return 99;
	if (!f.seed)
		f.seed = clock_now_ns();
	start(&f, &thread);
	end_ns = clock_now_ns() + seconds * NSEC_PER_SEC;
	while (clock_now_ns() < end_ns) {
		/* Each run of its own seed: any one can be run again alone. */
		rng = f.seed * 0x100000000ull + f.run;
		run_once(&f, &rng, in);
		f.run++;
	}
	qmp_server_stop(f.srv);
	pthread_join(thread, NULL);
	qmp_server_destroy(f.srv);
	free(in);
	if (nr_open_fds() != nr_fds)
		fail(&f, "%d descriptors leaked", nr_open_fds() - nr_fds);
	printf("seed %llu: %llu runs, %llu lines, %llu errors, %llu too long\n",
	       (unsigned long long)f.seed, (unsigned long long)f.run,
	       (unsigned long long)f.nr_lines, (unsigned long long)f.nr_errors,
	       (unsigned long long)f.nr_too_long);
	return f.run && f.nr_errors < f.nr_lines ? 0 : 99;
}
