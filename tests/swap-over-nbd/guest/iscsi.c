// SPDX-License-Identifier: GPL-2.0
/*
 * Swap over iSCSI, by open-iscsi: iscsid makes the connection, and makes it
 * again. It locks its memory and says what it is to the kernel (PR_SET_IO_FLUSHER)
 * by itself. It is there for as long as the connection.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

#define ISCSID		"/sbin/iscsid"
#define ISCSIADM	"/sbin/iscsiadm"
#define TARGET		"iqn.2026-01.org.reserve:swap"
#define DISK		"/dev/sda"
#define START_TRIES	20

static pid_t daemon_pid;

static int admin(char *option, char *value)
{
	char portal[80];
	char *argv[] = { ISCSIADM, "-m", "node", "-T", TARGET, "-p", portal, option, value, NULL };

	snprintf(portal, sizeof(portal), "%s:%s", config.server, config.port);
	return run(argv);
}

static void start_daemon(void)
{
	char *argv[] = { ISCSID, "-f", NULL };
	int i;

	daemon_pid = fork();
	if (!daemon_pid) {
		execv(argv[0], argv);
		_exit(127);
	}
	/* It may be that the daemon does not listen yet. */
	for (i = 0; i < START_TRIES && admin("-o", "new"); i++)
		sleep(1);
	if (i == START_TRIES)
		die("iscsid did not start");
}

/* It overlooks a signal that comes just before it sleeps. */
static void stop_daemon(void)
{
	do {
		kill(daemon_pid, SIGTERM);
		usleep(100 * 1000);
	} while (!waitpid(daemon_pid, NULL, WNOHANG));
}

static void connect_iscsi(void)
{
	start_daemon();
	if (admin("--login", NULL) || wait_for_path(DISK, true))
		die("iscsid could not log in%s", kernel_says("] reserve: "));
}

static void disconnect_iscsi(void)
{
	if (admin("--logout", NULL) || wait_for_path(DISK, false))
		die("iscsid could not log out");
	stop_daemon();
}

static void check_iscsi(void)
{
	if (!waitpid(daemon_pid, NULL, WNOHANG))
		return;
	errno = 0;
	die("iscsid has ended by itself");
}

const struct transport transport_iscsi = {
	.name = "iscsi",
	.swap = DISK,
	.connect = connect_iscsi,
	.disconnect = disconnect_iscsi,
	.check = check_iscsi,
	.has_daemon = true,
};
