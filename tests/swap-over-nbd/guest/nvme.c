// SPDX-License-Identifier: GPL-2.0
/*
 * Swap over NVMe/TCP. The kernel connects and connects again by itself, so no
 * program is needed: what nvme-cli would write is written here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rig.h"

#define FABRICS		"/dev/nvme-fabrics"
#define NQN		"nqn.2026-01.org.reserve:swap"
#define NAMESPACE	"/dev/nvme0n1"

/* Never given up, and tried each second: swap has nowhere else to go. */
static int connect_port(unsigned long port)
{
	char text[256];
	int fd = open(FABRICS, O_RDWR | O_CLOEXEC);
	int len, ret;

	if (fd < 0)
		return -1;
	len = snprintf(text, sizeof(text), "transport=tcp,traddr=%s,trsvcid=%lu,nqn=%s,"
		       "nr_io_queues=2,reconnect_delay=1,ctrl_loss_tmo=-1",
		       config.server, port, NQN);
	ret = write(fd, text, len) == len ? 0 : -1;
	close(fd);
	return ret;
}

static unsigned int ports(void)
{
	return config.connections ? config.connections : 1;
}

static void connect_nvme(void)
{
	unsigned long port = strtoul(config.port, NULL, 10);

	for (unsigned int i = 0; i < ports(); i++)
		if (connect_port(port + i))
			die("the server's port %lu could not be connected to%s", port + i,
			    kernel_says("] reserve: "));
	if (wait_for_path(NAMESPACE, true))
		die("no " NAMESPACE);
}

static void disconnect_nvme(void)
{
	char path[64];

	for (unsigned int i = 0; i < ports(); i++) {
		snprintf(path, sizeof(path), "/sys/class/nvme/nvme%u/delete_controller", i);
		if (put_file(path, "1"))
			die("%s", path);
	}
	if (wait_for_path(NAMESPACE, false))
		die(NAMESPACE " did not go away");
}

const struct transport transport_nvme = {
	.name = "nvme",
	.swap = NAMESPACE,
	.connect = connect_nvme,
	.disconnect = disconnect_nvme,
};
