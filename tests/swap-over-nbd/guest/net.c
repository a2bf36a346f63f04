// SPDX-License-Identifier: GPL-2.0
/* The guest's side of the network: one interface and one socket nobody reads. */
#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

static void set_addr(struct sockaddr *sa, const char *text)
{
	struct sockaddr_in *in = (struct sockaddr_in *)sa;

	memset(in, 0, sizeof(*in));
	in->sin_family = AF_INET;
	inet_pton(AF_INET, text, &in->sin_addr);
}

static int link_up(int fd, const char *ifname)
{
	struct ifreq ifr = { 0 };

	strncpy(ifr.ifr_name, ifname, IFNAMSIZ - 1);
	if (ioctl(fd, SIOCGIFFLAGS, &ifr))
		return -1;
	ifr.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &ifr);
}

static int link_addr(int fd, const char *ifname, const char *addr)
{
	struct ifreq ifr = { 0 };

	strncpy(ifr.ifr_name, ifname, IFNAMSIZ - 1);
	set_addr(&ifr.ifr_addr, addr);
	if (ioctl(fd, SIOCSIFADDR, &ifr))
		return -1;
	set_addr(&ifr.ifr_netmask, "255.255.255.0");
	return ioctl(fd, SIOCSIFNETMASK, &ifr);
}

int net_up(const char *ifname, const char *addr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret = -1;

	if (fd < 0)
		return -1;
	if (link_up(fd, "lo"))
		goto out;
	if (link_up(fd, ifname))
		goto out;
	ret = link_addr(fd, ifname, addr);
out:
	close(fd);
	return ret;
}

/*
 * One socket for both families. What the flood sends here waits in the receive
 * queue for a reader that never comes, as on any machine with a stuck daemon.
 */
int net_open_unread(int port)
{
	struct sockaddr_in6 sin6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(port),
	};
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	return bind(fd, (struct sockaddr *)&sin6, sizeof(sin6));
}
