// SPDX-License-Identifier: GPL-2.0
/*
 * reserve-daemon: run a program as a storage daemon
 *
 * The program, its threads and its children may draw on the reserve that
 * vm.reserve.daemon_kbytes sets aside, and the OOM killer leaves them alone.
 * See reserve-daemon.8, and Documentation/admin-guide/mm/reserve.rst.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER	57
#endif

#define DAEMON_KBYTES	"/proc/sys/vm/reserve/daemon_kbytes"
#define OOM_SCORE_ADJ	"/proc/self/oom_score_adj"

/* As the shell has them */
#define EXIT_USAGE	2
#define EXIT_REFUSED	125
#define EXIT_NOT_RUN	126
#define EXIT_NOT_FOUND	127

/* What is set aside; nothing on a kernel that has no reserve either. */
static unsigned long daemon_kbytes(void)
{
	FILE *file = fopen(DAEMON_KBYTES, "r");
	unsigned long value = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%lu", &value) != 1)
		value = 0;
	fclose(file);
	return value;
}

static int oom_spare(void)
{
	FILE *file = fopen(OOM_SCORE_ADJ, "w");

	if (!file)
		return -1;
	fputs("-1000", file);
	return fclose(file);
}

int main(int argc, char **argv)
{
	if (argc < 2 || argv[1][0] == '-') {
		fprintf(stderr, "usage: reserve-daemon COMMAND [ARGUMENT]...\n");
		return EXIT_USAGE;
	}
	if (!daemon_kbytes())
		fputs("reserve-daemon: nothing is set aside: set vm.reserve.daemon_kbytes first\n",
		      stderr);
	if (prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) || oom_spare()) {
		fprintf(stderr, "reserve-daemon: %s: this takes CAP_SYS_RESOURCE, run it as root\n",
			strerror(errno));
		return EXIT_REFUSED;
	}
	execvp(argv[1], argv + 1);
	fprintf(stderr, "reserve-daemon: %s: %s\n", argv[1], strerror(errno));
	return errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUN;
}
