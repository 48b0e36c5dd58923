/* SPDX-License-Identifier: MIT */
/*
 * One direction of a connection.
 *
 * Without a delay the bytes go from socket to socket through a pipe and are
 * never copied here; with one they wait in a queue. When the delay changes,
 * the pipe empties before the queue gives, and the queue before the pipe fills.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "drive/relay_internal.h"

/* Bytes and steps of one turn, so that no connection starves the others. */
#define PIPE_BYTES (512u * 1024)
#define STEPS_PER_TURN 8
/* With a limit all connections share it, piece by piece. */
#define LIMITED_PIECE_BYTES (256u * 1024)

int relay_lane_init(struct relay_lane *lane, struct relay_end *from,
		    struct relay_end *to)
{
	lane->from = from;
	lane->to = to;
	if (pipe2(lane->pipe, O_CLOEXEC | O_NONBLOCK)) {
		lane->pipe[0] = lane->pipe[1] = -1;
		return -errno;
	}
	/* A user's share of pipe memory may be used up: smaller works too. */
	fcntl(lane->pipe[1], F_SETPIPE_SZ, PIPE_BYTES);
	return 0;
}

static size_t held_bytes(const struct relay_lane *lane)
{
	return lane->pipe_bytes + lane->queue.bytes;
}

void relay_lane_exit(struct relay *r, struct relay_lane *lane)
{
	relay_add(&r->buffered, -(uint64_t)held_bytes(lane));
	relay_queue_exit(&lane->queue);
	lane->pipe_bytes = 0;
	if (lane->pipe[0] >= 0) {
		close(lane->pipe[0]);
		close(lane->pipe[1]);
	}
	lane->pipe[0] = lane->pipe[1] = -1;
}

bool relay_lane_is_empty(const struct relay_lane *lane)
{
	return !held_bytes(lane);
}

/* Nothing more goes to .to: what is held is lost, and .from is told. */
static void lane_break(struct relay *r, struct relay_lane *lane)
{
	lane->ended = lane->finished = true;
	shutdown(lane->from->fd, SHUT_RD);
	relay_lane_exit(r, lane);
}

static void lane_end(struct relay *r, struct relay_lane *lane, int error)
{
	lane->ended = true;
	/* A write may have taken the socket's error already: then it reads
	 * like an orderly end. */
	if (error)
		lane->from->error = error;
	lane->error = lane->from->error;
	lane->ended_ns = r->now_ns;
}

/* What reading returned. Return: was there anything? */
static bool filled(struct relay *r, struct relay_lane *lane, ssize_t n)
{
	if (n > 0) {
		relay_add(&r->buffered, (uint64_t)n);
		return true;
	}
	if (n == 0)
		lane_end(r, lane, 0);
	else if (errno != EAGAIN && errno != EINTR)
		lane_end(r, lane, -errno);
	return false;
}

static bool fill_pipe(struct relay *r, struct relay_lane *lane)
{
	ssize_t n;

	if (lane->queue.bytes || lane->pipe_bytes >= PIPE_BYTES)
		return false;
	n = splice(lane->from->fd, NULL, lane->pipe[1], NULL,
		   PIPE_BYTES - lane->pipe_bytes,
		   SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	/* With bytes in it, EAGAIN may as well mean that the pipe is full. */
	if (n < 0 && errno == EAGAIN && !lane->pipe_bytes)
		lane->from->can_read = false;
	if (!filled(r, lane, n))
		return false;
	lane->pipe_bytes += (size_t)n;
	return true;
}

static size_t queue_limit(const struct relay *r, uint64_t delay_ns)
{
	double bytes = (double)(64u << 20);

	if (r->params.delay_buffer_bytes)
		return r->params.delay_buffer_bytes;
	if (r->pacer.rate)
		bytes = 1.25 * (double)r->pacer.rate * (double)delay_ns /
				NSEC_PER_SEC +
			4.0 * RELAY_CHUNK_BYTES;
	return (size_t)bytes;
}

static bool fill_queue(struct relay *r, struct relay_lane *lane,
		       uint64_t delay_ns)
{
	uint64_t now_ns = clock_now_ns();
	size_t room_bytes;
	void *room;
	ssize_t n;

	if (lane->queue.held_bytes >= queue_limit(r, delay_ns))
		return false;
	if (relay_queue_room(&lane->queue, now_ns, &room, &room_bytes)) {
		lane_end(r, lane, -ENOMEM);
		return false;
	}
	n = recv(lane->from->fd, room, room_bytes, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		lane->from->can_read = false;
	if (!filled(r, lane, n))
		return false;
	relay_queue_put(&lane->queue, (size_t)n, now_ns);
	return true;
}

static bool lane_fill(struct relay *r, struct relay_lane *lane)
{
	uint64_t delay_ns = r->delay_ns;

	if (lane->ended || !lane->from->can_read)
		return false;
	return delay_ns ? fill_queue(r, lane, delay_ns) : fill_pipe(r, lane);
}

/* How much may go out now; when 0, the pass is told when more may. */
static size_t allowance(struct relay *r, const struct relay_lane *lane,
			size_t wanted)
{
	uint64_t cut_at, allowed, now_ns;

	if (!lane->forward)
		return wanted;
	now_ns = clock_now_ns();
	allowed = pacer_allowed(&r->pacer, now_ns);
	if (allowed < wanted) {
		uint64_t ready_ns = pacer_ready_ns(&r->pacer, wanted);

		r->backlog = true;
		/* Byte by byte it would be a call for each of them. */
		if (now_ns < ready_ns) {
			relay_due(r, ready_ns);
			return 0;
		}
		wanted = allowed;
	}
	if (r->pacer.rate && wanted > LIMITED_PIECE_BYTES)
		wanted = LIMITED_PIECE_BYTES;
	cut_at = r->cut_at;
	allowed = cut_at > r->forward.bytes ? cut_at - r->forward.bytes : 0;
	return wanted < allowed ? wanted : allowed;
}

static ssize_t send_queued(struct relay *r, struct relay_lane *lane)
{
	uint64_t arrival_ns, due_ns, now_ns = clock_now_ns();
	const void *data;
	size_t n;

	n = relay_queue_front(&lane->queue, &data, &arrival_ns);
	due_ns = arrival_ns + r->delay_ns;
	if (due_ns > now_ns) {
		relay_due(r, due_ns);
		return 0;
	}
	n = allowance(r, lane, n);
	if (!n)
		return 0;
	return send(lane->to->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t send_piped(struct relay *r, struct relay_lane *lane)
{
	size_t n = allowance(r, lane, lane->pipe_bytes);

	if (!n)
		return 0;
	return splice(lane->pipe[0], NULL, lane->to->fd, NULL, n,
		      SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
}

static void lane_sent(struct relay *r, struct relay_lane *lane, size_t n,
		      bool piped)
{
	uint64_t now_ns = clock_now_ns();

	if (piped)
		lane->pipe_bytes -= n;
	else
		relay_queue_consume(&lane->queue, n);
	relay_add(&r->buffered, -(uint64_t)n);
	relay_count_flow(lane->count, n, now_ns);
	relay_count_flow(lane->forward ? &r->forward : &r->backward, n, now_ns);
	if (lane->forward)
		pacer_sent(&r->pacer, n, now_ns);
}

static bool lane_drain(struct relay *r, struct relay_lane *lane)
{
	bool piped = lane->pipe_bytes;
	ssize_t n;

	if (!lane->to->can_write || relay_lane_is_empty(lane))
		return false;
	n = piped ? send_piped(r, lane) : send_queued(r, lane);
	if (n > 0) {
		lane_sent(r, lane, (size_t)n, piped);
		return true;
	}
	if (n < 0 && errno == EAGAIN) {
		lane->to->can_write = false;
	} else if (n < 0 && errno != EINTR) {
		lane->to->error = -errno;
		lane_break(r, lane);
	}
	return false;
}

/* An end takes as long as the bytes before it. */
static void pass_end(struct relay *r, struct relay_lane *lane)
{
	uint64_t due_ns = lane->ended_ns + r->delay_ns;

	if (due_ns > r->now_ns) {
		relay_due(r, due_ns);
		return;
	}
	lane->finished = true;
	if (!lane->error)
		shutdown(lane->to->fd, SHUT_WR);
}

void relay_lane_pump(struct relay *r, struct relay_lane *lane)
{
	unsigned int step = 0;
	bool moved = true;

	for (; moved && !lane->finished && step < STEPS_PER_TURN; step++) {
		moved = lane_fill(r, lane);
		moved |= lane_drain(r, lane);
	}
	if (lane->finished)
		return;
	if (lane->ended && relay_lane_is_empty(lane))
		pass_end(r, lane);
	else if (moved)
		relay_due(r, 0);
}
