/* SPDX-License-Identifier: MIT */
/* The real codecs over the guest's real pages, and a socket. */
#include "tools/predict_meter.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "migrate/codec.h"

#define PAGE_BYTES 4096u
/* A codec gets that long; a slow one sees a part of the sample. */
#define CODEC_NS 120000000ull
/* A run's entry in the table, and its share of the record's header. */
#define HEADER_BYTES 16.0
#define SEND_BYTES (48u << 20)
#define CHUNK_BYTES (256u << 10)
/* To look through a page for a byte that is not zero. */
#define ZERO_S 0.1e-6

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One codec at work on the sample. */
struct bench {
	struct codec_context *pack, *unpack;
	size_t batch_bytes;
	uint8_t *copy, *packed, *out;
	uint64_t pages, pack_ns, unpack_ns, bytes;
};

/* A request, as the engine's worker has it: a copy, a look, the codec. */
static int one_request(struct bench *b, const uint8_t *pages, size_t bytes)
{
	uint64_t begin = cpu_ns(), middle;
	size_t packed = 0;
	int rc = -ENOSPC;

	memcpy(b->copy, pages, bytes);
	if (!codec_probe(b->pack, b->copy, bytes))
		rc = codec_compress(b->pack, b->copy, bytes, b->packed,
				    bytes - 1, &packed);
	middle = cpu_ns();
	b->pack_ns += middle - begin;
	b->pages += bytes / PAGE_BYTES;
	if (rc == -ENOSPC) {
		b->bytes += bytes;
		return 0;
	}
	b->bytes += packed;
	if (!rc)
		rc = codec_decompress(b->unpack, b->packed, packed, b->out,
				      bytes);
	b->unpack_ns += cpu_ns() - middle;
	return rc;
}

static int bench_open(struct bench *b, const struct codec *codec, int level,
		      unsigned int batch_pages)
{
	int rc;

	*b = (struct bench){ .batch_bytes = (size_t)batch_pages * PAGE_BYTES };
	rc = codec_create(codec, CODEC_COMPRESS, level, b->batch_bytes,
			  &b->pack);
	if (!rc)
		rc = codec_create(codec, CODEC_DECOMPRESS, level,
				  b->batch_bytes, &b->unpack);
	b->copy = malloc(3 * b->batch_bytes);
	if (!b->copy)
		return rc ? rc : -ENOMEM;
	b->packed = b->copy + b->batch_bytes;
	b->out = b->packed + b->batch_bytes;
	return rc;
}

static void bench_close(struct bench *b)
{
	codec_destroy(b->pack);
	codec_destroy(b->unpack);
	free(b->copy);
}

static int measure_codec(const struct codec *codec, int level,
			 unsigned int batch_pages, const uint8_t *pages,
			 size_t nr_pages, struct predict_codec *ret)
{
	size_t at = 0, all = nr_pages * PAGE_BYTES, n;
	struct bench b;
	int rc = bench_open(&b, codec, level, batch_pages);

	while (!rc && at < all && b.pack_ns + b.unpack_ns < CODEC_NS) {
		n = all - at < b.batch_bytes ? all - at : b.batch_bytes;
		rc = one_request(&b, pages + at, n);
		at += n;
	}
	if (!rc && b.pages)
		*ret = (struct predict_codec){
			.name = codec->name,
			.level = level,
			.page = { .compress_s = (double)b.pack_ns / 1e9 /
						(double)b.pages,
				  .decompress_s = (double)b.unpack_ns / 1e9 /
						  (double)b.pages,
				  .page_bytes =
					  (double)b.bytes / (double)b.pages +
					  HEADER_BYTES / batch_pages },
		};
	bench_close(&b);
	return rc;
}

/* The far end of a socket: it fills memory that was never touched, as a
 * migration's target does. */
struct sink {
	int fd;
	uint8_t *memory;
	uint64_t ns;
	ssize_t failed;
};

static void *take_all(void *ctx)
{
	struct sink *s = ctx;
	uint64_t begin = cpu_ns();
	size_t at = 0;
	ssize_t n;

	while (at < SEND_BYTES) {
		n = read(s->fd, s->memory + at, SEND_BYTES - at);
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	s->failed = at < SEND_BYTES;
	s->ns = cpu_ns() - begin;
	return NULL;
}

static bool give_all(int fd, const uint8_t *from, size_t bytes)
{
	size_t left = SEND_BYTES, n;
	ssize_t done;

	while (left) {
		n = left < bytes ? left : bytes;
		n = n < CHUNK_BYTES ? n : CHUNK_BYTES;
		done = send(fd, from, n, MSG_NOSIGNAL);
		if (done <= 0)
			return false;
		left -= (size_t)done;
	}
	return true;
}

static int send_through(int fd[2], struct sink *sink, const uint8_t *pages,
			size_t bytes, struct predict_costs *ret)
{
	double begin = now_s(), seconds;
	uint64_t own = cpu_ns();
	pthread_t thread;
	bool sent;
	int rc = pthread_create(&thread, NULL, take_all, sink);

	if (rc)
		return -rc;
	sent = give_all(fd[0], pages, bytes);
	shutdown(fd[0], SHUT_WR);
	own = cpu_ns() - own;
	pthread_join(thread, NULL);
	seconds = now_s() - begin;
	if (!sent || sink->failed || seconds <= 0)
		return -EIO;
	ret->send_bytes_per_s = SEND_BYTES / seconds;
	ret->send_s_per_byte = (double)(own + sink->ns) / 1e9 / SEND_BYTES;
	return 0;
}

static int measure_socket(const uint8_t *pages, size_t bytes,
			  struct predict_costs *ret)
{
	struct sink sink = { .failed = 0 };
	int fd[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		return -errno;
	sink.fd = fd[1];
	sink.memory = mmap(NULL, SEND_BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	rc = sink.memory == MAP_FAILED
		     ? -errno
		     : send_through(fd, &sink, pages, bytes, ret);
	if (sink.memory != MAP_FAILED)
		munmap(sink.memory, SEND_BYTES);
	close(fd[0]);
	close(fd[1]);
	return rc;
}

/* What is looked at: each codec at its usual level, and the one asked for. */
static int measure_codecs(const struct predict_meter_ctx *m,
			  const uint8_t *pages, size_t nr_pages,
			  struct predict_costs *ret)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < codec_nr; i++) {
		const struct codec *c = &codecs[i];
		bool asked = m->codec && !strcmp(m->codec, c->name);
		bool usual =
			!m->qemu || c->id == CODEC_ZLIB || c->id == CODEC_ZSTD;

		if (usual && ret->nr_codecs < PREDICT_MAX_CODECS)
			rc = measure_codec(c, c->level_default, m->batch_pages,
					   pages, nr_pages,
					   &ret->codec[ret->nr_codecs++]);
		if (!rc && asked && m->level != c->level_default &&
		    ret->nr_codecs < PREDICT_MAX_CODECS)
			rc = measure_codec(c, m->level, m->batch_pages, pages,
					   nr_pages,
					   &ret->codec[ret->nr_codecs++]);
	}
	return rc;
}

int predict_meter_measure(void *ctx, const uint8_t *pages, size_t nr_pages,
			  struct predict_costs *ret, struct error *err)
{
	struct predict_costs costs = {
		.codec[0] = { .name = "none",
			      .page.page_bytes =
				      PAGE_BYTES + HEADER_BYTES / 16 },
		.nr_codecs = 1,
		.zero_s = ZERO_S,
	};
	int rc;

	if (!nr_pages)
		return error_set(err, -EINVAL,
				 "--predict needs pages to look at: the "
				 "working set is all zero, or below 64K");
	rc = measure_socket(pages, nr_pages * PAGE_BYTES, &costs);
	if (!rc)
		rc = measure_codecs(ctx, pages, nr_pages, &costs);
	if (rc)
		return error_set(err, rc, "cannot measure what pages cost: %s",
				 strerrordesc_np(-rc));
	*ret = costs;
	return 0;
}
