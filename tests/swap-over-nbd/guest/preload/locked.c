// SPDX-License-Identifier: GPL-2.0
/*
 * For nbd-client with TLS: the process that stays, and through which all goes, is
 * a child, and locks on memory are not inherited. It does not lock any by itself.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

static void lock_all(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		_exit(125);
}

__attribute__((constructor)) static void lock_children(void)
{
	pthread_atfork(NULL, NULL, lock_all);
}
