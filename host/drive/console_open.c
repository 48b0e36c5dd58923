/* SPDX-License-Identifier: MIT */
/* Somebody else's serial port: a socket or a terminal, by its name. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/address.h"
#include "drive/console.h"

#define DIAL_TIMEOUT_MS 5000

static bool is_terminal(const char *where)
{
	struct stat st;

	return where[0] == '/' && !stat(where, &st) && S_ISCHR(st.st_mode);
}

/* Raw: else what the guest says would be echoed back to it. */
static int open_terminal(const char *path, int *ret_fd,
			 struct termios *ret_before)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC), rc;
	struct termios mode;

	if (fd < 0)
		return -errno;
	if (tcgetattr(fd, ret_before))
		goto fail;
	mode = *ret_before;
	cfmakeraw(&mode);
	if (tcsetattr(fd, TCSANOW, &mode))
		goto fail;
	*ret_fd = fd;
	return 0;
fail:
	rc = -errno;
	close(fd);
	return rc;
}

int console_open(const char *where, const char *log_path,
		 struct console **ret_console, struct error *err)
{
	bool terminal = is_terminal(where);
	struct termios before;
	char address[256];
	int fd = -1, rc;

	snprintf(address, sizeof(address), "%s%.*s",
		 where[0] == '/' ? "unix:" : "", (int)sizeof(address) - 8,
		 where);
	if (terminal) {
		rc = open_terminal(where, &fd, &before);
		if (rc)
			error_set(err, rc, "cannot use the terminal %s: %s",
				  where, strerror(-rc));
	} else {
		rc = address_dial(address, -1, DIAL_TIMEOUT_MS, &fd, err);
	}
	if (rc)
		return rc;
	rc = console_create(fd, log_path, ret_console, err);
	if (!rc && terminal)
		console_set_mode(*ret_console, &before);
	if (rc && terminal)
		tcsetattr(fd, TCSANOW, &before);
	if (rc)
		close(fd);
	return rc;
}
