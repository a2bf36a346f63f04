// SPDX-License-Identifier: GPL-2.0
/*
 * A swap server on the same machine: nbdkit over a disk, started as a program
 * that swap waits for has to be. Nothing of nbdkit is changed.
 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

#define NBDKIT		"/usr/bin/nbdkit"
#define ONFAULT		"LD_PRELOAD=/rig/onfault.so"
#define READY		"/run/nbdkit.pid"	/* it is there when connections are taken */
#define READY_TRIES	300	/* ten times a second */
#define DISK		"/dev/vda"
#define THREADS		"8"
#define STACK		(256 * 1024)	/* of each thread, instead of 8 MB */

static pid_t server;

/*
 * What is said here stays over exec, and threads inherit it. Locks on memory do
 * not stay: --swap is for that.
 */
static void local_run(void)
{
	const struct rlimit stack = { STACK, STACK };
	bool path = config.server[0] == '/';
	char *argv[] = {
		NBDKIT, "--foreground", "--swap", "--threads", THREADS, "--pidfile", READY,
		path ? "--unix" : "--ipaddr", config.server,
		/* Swapped pages are not to be kept in the page cache as well. */
		"file", DISK, "cache=none", "fadvise=random",
		/* A socket with a path has no port. */
		path ? NULL : "--port", config.port, NULL,
	};
	char *envp[] = { ONFAULT, NULL };

	/* It has more variables than the guest has memory, though it touches few. */
	put_file("/proc/sys/vm/overcommit_memory", "1");
	if (prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) || setrlimit(RLIMIT_STACK, &stack) ||
	    put_file("/proc/self/oom_score_adj", "-1000"))
		_exit(126);
	execve(argv[0], argv, envp);
	_exit(127);
}

void local_start(void)
{
	int i, status = 0;

	server = fork();
	if (!server)
		local_run();
	for (i = 0; i < READY_TRIES && access(READY, F_OK); i++) {
		if (waitpid(server, &status, WNOHANG) == server)
			break;
		usleep(100 * 1000);
	}
	if (!access(READY, F_OK))
		return;
	errno = 0;
	die(NBDKIT " did not start: status %#x", status);
}

/* What it has drawn and locked is its own until then. */
void local_stop(void)
{
	kill(server, SIGTERM);
	waitpid(server, NULL, 0);
	unlink(READY);
	if (config.server[0] == '/')
		unlink(config.server);
}
