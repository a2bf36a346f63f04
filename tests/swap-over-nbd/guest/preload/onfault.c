// SPDX-License-Identifier: GPL-2.0
/*
 * For nbdkit --swap: its mlockall() is to lock what is used, when it is used.
 * nbdkit 1.32 has 192 MB of variables it never touches here, and locks them all.
 */
#define _GNU_SOURCE	/* MCL_ONFAULT */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int mlockall(int flags)
{
	return syscall(SYS_mlockall, flags | MCL_ONFAULT);
}
