/* SPDX-License-Identifier: MIT */
/* Descriptors over a UNIX socket: channel_socket.c's part of it. */
#ifndef VMFERRY_MIGRATE_CHANNEL_FDS_H
#define VMFERRY_MIGRATE_CHANNEL_FDS_H

int socket_send_fds(int sock, const int *fds, unsigned int nr);
int socket_recv_fds(int sock, int *fds, unsigned int room,
		    unsigned int *ret_nr);

#endif
