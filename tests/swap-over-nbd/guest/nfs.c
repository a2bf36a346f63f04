// SPDX-License-Identifier: GPL-2.0
/* Swap to a file on NFS 4.2, mounted as mount.nfs would. */
#include <errno.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "rig.h"

#define WHERE	"/run/nfs"

static void connect_nfs(void)
{
	char source[80], options[256];

	mkdir(WHERE, 0700);
	snprintf(source, sizeof(source), "%s:/", config.server);
	snprintf(options, sizeof(options),
		 "vers=4.2,proto=tcp,sec=sys,hard,addr=%s,clientaddr=%s,port=%s", config.server,
		 config.addr, config.port);
	errno = 0;
	if (mount(source, WHERE, "nfs4", 0, options))
		die("mount %s", source);
}

static void disconnect_nfs(void)
{
	if (umount(WHERE))
		die("umount " WHERE);
}

const struct transport transport_nfs = {
	.name = "nfs",
	.swap = WHERE "/swap",
	.connect = connect_nfs,
	.disconnect = disconnect_nfs,
	.by_swapon = true,
};
