/* SPDX-License-Identifier: MIT */
/*
 * Messages of vfio-user over a UNIX stream socket: out in one piece, in by as
 * many pieces as the peer likes, with time-outs and with descriptors.
 *
 * One wire is used by one thread at a time.
 */
#ifndef VMFERRY_VFIO_USER_WIRE_H
#define VMFERRY_VFIO_USER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vfio/user_proto.h"

/* A message that came in. */
struct user_message {
	struct user_header header;
	const void *payload; /* the wire's, until it receives again */
	size_t payload_bytes;
	int fds[USER_MAX_FDS]; /* its owner closes them */
	unsigned int nr_fds;
	bool fds_lost; /* more came than we take */
};

/* A message to go out, its header apart. */
struct user_payload {
	const struct iovec *iov; /* up to USER_MAX_IOV */
	unsigned int nr_iov;
	const int *fds; /* stay the caller's */
	unsigned int nr_fds; /* up to USER_MAX_FDS */
};
#define USER_MAX_IOV 8u

struct user_wire {
	int fd; /* -1 = closed */
	unsigned int send_timeout_ms; /* for a whole message */

	/**
	 * @on_command: takes a command that came while a reply was waited for.
	 *
	 * It may reply, and must not receive. Its error ends the waiting.
	 * NULL: such a command is a breach of the protocol.
	 */
	int (*on_command)(void *ctx, struct user_wire *w,
			  struct user_message *m);
	void *ctx;

	/* The wire's own. */
	uint16_t next_id;
	uint8_t *buffer; /* of USER_MAX_PAYLOAD */
	size_t have; /* of the message that is coming in, header included */
	struct user_message in;
	uint64_t bytes_in, bytes_out, messages_in, messages_out;
};

/**
 * user_wire_init() - take over a connected socket.
 * @fd: owned from here on, also on failure. It becomes non-blocking.
 * Return: 0 or -ENOMEM, or what fcntl(2) said.
 */
int user_wire_init(struct user_wire *w, int fd);
/* Closes all, descriptors half received too. Also of one that is all zero but
 * for fd -1. */
void user_wire_exit(struct user_wire *w);

/**
 * user_wire_send() - send one message, header and payload in one piece.
 * @h: `bytes` is filled in here.
 * @p: NULL = no payload.
 *
 * Return: 0; -EMSGSIZE: larger than USER_MAX_PAYLOAD, nothing was sent;
 * -ETIMEDOUT, -EPIPE, ...: the connection is lost.
 */
int user_wire_send(struct user_wire *w, struct user_header *h,
		   const struct user_payload *p);

/**
 * user_wire_receive() - the next message.
 * @ret: its descriptors become the caller's. Its header is also filled in on
 *	-EMSGSIZE and -EPROTO.
 * @timeout_ms: for the rest of the message; 0 = only what is there, -1 = for
 *	ever. What has come of a message is kept for the next call.
 *
 * Return: 0; -EAGAIN: not there yet; -ENODATA: the peer closed, between two
 * messages; -ECONNRESET: it closed inside of one; -EPROTO: its size is below
 * that of a header; -EMSGSIZE: beyond USER_MAX_PAYLOAD. After all but -EAGAIN
 * the connection is lost.
 */
int user_wire_receive(struct user_wire *w, struct user_message *ret,
		      int timeout_ms);

/**
 * user_wire_call() - send a command and wait for its reply.
 * @ret_reply: as from user_wire_receive(); its descriptors are the caller's.
 *	user_message_error() says whether the peer refused.
 * @timeout_ms: until the reply is there, whatever else comes; -1 = for ever.
 *
 * Commands that come meanwhile go to on_command.
 *
 * Return: 0 if there was a reply; -ETIMEDOUT; -EPROTO: a reply to something
 * else, or a command where none may come; or as the two above. After any
 * failure but -EMSGSIZE the connection must not be used any more.
 */
int user_wire_call(struct user_wire *w, uint16_t command,
		   const struct user_payload *p, struct user_message *ret_reply,
		   int timeout_ms);

/* The second half of it: waits for the reply to what user_wire_send() sent
 * with @id. */
int user_wire_await(struct user_wire *w, uint16_t command, uint16_t id,
		    struct user_message *ret_reply, int timeout_ms);

/* Answers @request, unless it wants no reply. As user_wire_send(). */
int user_wire_reply(struct user_wire *w, const struct user_header *request,
		    const struct user_payload *p);
/* The same with an error, a positive errno. */
int user_wire_refuse(struct user_wire *w, const struct user_header *request,
		     uint32_t error);

/* 0, or what a reply's error bit says as -errno (-EIO if it says none). */
int user_message_error(const struct user_message *m);
/* Closes what is left of its descriptors. */
void user_message_close(struct user_message *m);
/* Takes descriptor @i out of the message; -1 if there is none. */
int user_message_take_fd(struct user_message *m, unsigned int i);

#endif
