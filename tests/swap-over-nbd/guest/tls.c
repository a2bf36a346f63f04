// SPDX-License-Identifier: GPL-2.0
/*
 * Swap over NBD through TLS, by nbd-client: the kernel has one end of a pair of
 * Unix sockets, and a child of nbd-client, which stays, sends what comes out of
 * the other one to the server, encrypted. It is a storage daemon.
 */
#define _GNU_SOURCE	/* pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

#define CLIENT		"/usr/sbin/nbd-client"
#define LOCKED		"LD_PRELOAD=/rig/locked.so"
#define CERTIFICATE	"/rig/tls/ca-cert.pem"
#define NAME		"swap"		/* of the export, and in the certificate */
#define DEVICE		"/dev/nbd0"

static int genl_fd = -1;
static int alive = -1;	/* a pipe, of which the daemon alone has the other end */

static void start_tls(void)
{
	genl_fd = nbd_genl_open();
}

static void run_client(void)
{
	char *argv[] = {
		CLIENT, "-N", NAME, config.server, config.port, DEVICE, "-b", "4096", "-swap",
		"-persist", "-cacertfile", CERTIFICATE, "-tlshostname", NAME, "-enable-tls", NULL,
	};
	char *envp[] = { LOCKED, NULL };

	/* Before its sockets are made, and for its children. */
	if (prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) ||
	    put_file("/proc/self/oom_score_adj", "-1000"))
		_exit(126);
	execve(argv[0], argv, envp);
	_exit(127);
}

static void connect_tls(void)
{
	int ends[2], status = 0;
	pid_t pid;

	if (pipe2(ends, 0) || fcntl(ends[0], F_SETFD, FD_CLOEXEC))
		die("pipe");
	pid = fork();
	if (!pid)
		run_client();
	close(ends[1]);
	alive = ends[0];
	if (waitpid(pid, &status, 0) == pid && !status)
		return;
	errno = 0;
	die("nbd-client could not connect to the server by TLS: status %#x%s", status,
	    kernel_says("] reserve: "));
}

/* What it has drawn and locked is its own until it has ended. */
static void disconnect_tls(void)
{
	int ret = nbd_disconnect(genl_fd, 0);
	char nothing;

	if (ret)
		die("disconnecting " DEVICE " returned %d", ret);
	if (read(alive, &nothing, 1))
		die("the TLS end of nbd-client did not end");
	close(alive);
}

static void check_tls(void)
{
	char nothing;

	fcntl(alive, F_SETFL, O_NONBLOCK);
	if (read(alive, &nothing, 1)) {
		fcntl(alive, F_SETFL, 0);
		return;
	}
	errno = 0;
	die("the TLS end of nbd-client has ended by itself");
}

const struct transport transport_tls = {
	.name = "tls",
	.swap = DEVICE,
	.start = start_tls,
	.connect = connect_tls,
	.disconnect = disconnect_tls,
	.check = check_tls,
	.has_daemon = true,
};
