// SPDX-License-Identifier: GPL-2.0
/*
 * Over what is swapped: NBD, by nbd-client or by the rig's own, and the table of
 * all there is.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

#define NBD		"/dev/nbd0"
#define NBD_PID		"/sys/block/nbd0/pid"	/* while it is connected */
#define PATH_SECONDS	5	/* for an answer, before the other connection is used */
#define TRIES		300	/* ten times a second */

static int genl_fd = -1;
static pid_t persisting;

static void start_nbd(void)
{
	genl_fd = nbd_genl_open();
}

/* By ioctl the client is there for as long as the connection; it is waited for. */
static int persist(char *const argv[])
{
	persisting = fork();
	if (!persisting) {
		execv(argv[0], argv);
		_exit(127);
	}
	return wait_for_path(NBD_PID, true);
}

/* Whether it has given up, which it does by itself alone. */
static bool persist_over(int how)
{
	if (persisting <= 0 || waitpid(persisting, NULL, how) != persisting)
		return false;
	persisting = 0;
	return true;
}

/*
 * No -timeout: a request on a slow server is waited for, and the connection
 * never given up. With netlink the client is done when the kernel has the socket.
 */
static void connect_nbd(void)
{
	char *argv[] = { "/usr/sbin/nbd-client", "-N", "swap", config.server, config.port,
			 NBD, "-b", "4096", "-swap", config.persist ? "-nonetlink" : NULL,
			 "-nofork", "-persist", NULL };

	if (config.local)
		local_start();
	errno = 0;
	if (config.reconnect || config.local || config.connections) {
		if (nbd_connect(genl_fd, 0, config.server2[0] ? PATH_SECONDS : 0))
			die("the server could not be connected to%s",
			    kernel_says("] reserve: "));
	} else if (config.persist ? persist(argv) : run(argv)) {
		die("nbd-client could not connect to the server%s",
		    kernel_says("] reserve: "));
	}
}

static void disconnect_nbd(void)
{
	int ret = nbd_disconnect(genl_fd, 0);

	nbd_forget();
	if (ret)
		die("disconnecting " NBD " returned %d", ret);
	persist_over(0);
	if (config.local)
		local_stop();
}

static void keep_nbd(void)
{
	nbd_keep(genl_fd, 0);
}

static void check_nbd(void)
{
	if (!persist_over(WNOHANG))
		return;
	errno = 0;
	die("nbd-client -persist has ended by itself");
}

static const struct transport transport_nbd = {
	.name = "nbd",
	.swap = NBD,
	.start = start_nbd,
	.connect = connect_nbd,
	.disconnect = disconnect_nbd,
	.keep = keep_nbd,
	.forget = nbd_forget,
	.check = check_nbd,
};

static const struct transport *const transports[] = {
	&transport_nbd,
	&transport_nvme,
	&transport_iscsi,
	&transport_nfs,
	&transport_raid,
	&transport_paths,
	&transport_tls,
};

const struct transport *transport_find(const char *name)
{
	for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++)
		if (!strcmp(name, transports[i]->name))
			return transports[i];
	errno = 0;
	die("there is no transport '%s'", name);
}

/* Until @path is there, or is there no more; 0 or -1. */
int wait_for_path(const char *path, bool there)
{
	for (int i = 0; i < TRIES; i++) {
		if (!access(path, F_OK) == there)
			return 0;
		usleep(100 * 1000);
	}
	return -1;
}
