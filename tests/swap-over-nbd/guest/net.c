// SPDX-License-Identifier: GPL-2.0
/* The guest's side of the network: one interface and one socket nobody reads. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/ipv6.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "rig.h"

#define CARRIER_TRIES	150	/* ten times a second */

static void set_addr(struct sockaddr *sa, const char *text)
{
	struct sockaddr_in *in = (struct sockaddr_in *)sa;

	memset(in, 0, sizeof(*in));
	in->sin_family = AF_INET;
	inet_pton(AF_INET, text, &in->sin_addr);
}

static int link_set(int fd, const char *ifname, bool up)
{
	struct ifreq ifr = { 0 };

	strncpy(ifr.ifr_name, ifname, IFNAMSIZ - 1);
	if (ioctl(fd, SIOCGIFFLAGS, &ifr))
		return -1;
	ifr.ifr_flags = (ifr.ifr_flags & ~IFF_UP) | (up ? IFF_UP : 0);
	return ioctl(fd, SIOCSIFFLAGS, &ifr);
}

static int link_up(int fd, const char *ifname)
{
	return link_set(fd, ifname, true);
}

int net_down(const char *ifname)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret = fd < 0 ? -1 : link_set(fd, ifname, false);

	close(fd);
	return ret;
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

/*
 * Of the same link: 64 bits of it are the network's. Nobody else can have it, and
 * while the kernel looks for somebody what is sent has another address.
 */
static int link_addr6(const char *ifname, const char *addr)
{
	struct in6_ifreq ifr = { .ifr6_prefixlen = 64, .ifr6_ifindex = if_nametoindex(ifname) };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char path[80];
	int ret = -1;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/accept_dad", ifname);
	put_file(path, "0");
	if (fd >= 0 && inet_pton(AF_INET6, addr, &ifr.ifr6_addr) == 1)
		ret = ioctl(fd, SIOCSIFADDR, &ifr);
	close(fd);
	return ret;
}

/* What negotiates its link in emulation too must not be asked for packets before. */
static void link_wait(const char *ifname)
{
	char path[64], text = '0';
	int fd, tries;

	snprintf(path, sizeof(path), "/sys/class/net/%s/carrier", ifname);
	for (tries = 0; tries < CARRIER_TRIES && text != '1'; tries++) {
		if (tries)
			usleep(100 * 1000);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return;
		if (read(fd, &text, 1) != 1)
			text = '0';
		close(fd);
	}
}

static int link_mtu(int fd, const char *ifname, unsigned int mtu)
{
	struct ifreq ifr = { .ifr_mtu = mtu };

	strncpy(ifr.ifr_name, ifname, IFNAMSIZ - 1);
	return ioctl(fd, SIOCSIFMTU, &ifr);
}

int net_mtu(const char *ifname, unsigned int mtu)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret = fd < 0 ? -1 : link_mtu(fd, ifname, mtu);

	close(fd);
	return ret;
}

/* How many buffers the card has to receive into; 0: as many as it can */
int net_ring(const char *ifname, unsigned int pending)
{
	struct ethtool_ringparam param = { .cmd = ETHTOOL_GRINGPARAM };
	struct ifreq ifr = { .ifr_data = (char *)&param };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret;

	strncpy(ifr.ifr_name, ifname, IFNAMSIZ - 1);
	ret = fd < 0 ? -1 : ioctl(fd, SIOCETHTOOL, &ifr);
	param.cmd = ETHTOOL_SRINGPARAM;
	param.rx_pending = pending ? pending : param.rx_max_pending;
	if (!ret)
		ret = ioctl(fd, SIOCETHTOOL, &ifr);
	close(fd);
	return ret;
}

static int forget6(const char *ifname, const char *addr)
{
	struct {
		struct nlmsghdr nlh;
		struct ndmsg ndm;
		struct nlattr attr;
		struct in6_addr addr;
	} msg = {
		.nlh = {
			.nlmsg_len = sizeof(msg),
			.nlmsg_type = RTM_DELNEIGH,
			.nlmsg_flags = NLM_F_REQUEST,
		},
		.ndm = { .ndm_family = AF_INET6, .ndm_ifindex = if_nametoindex(ifname) },
		.attr = { .nla_len = NLA_HDRLEN + sizeof(msg.addr), .nla_type = NDA_DST },
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int ret = -1;

	if (fd >= 0 && inet_pton(AF_INET6, addr, &msg.addr) == 1)
		ret = send(fd, &msg, sizeof(msg), 0) == sizeof(msg) ? 0 : -1;
	close(fd);
	return ret;
}

static bool is_ipv6(const char *addr)
{
	return strchr(addr, ':');
}

/* The neighbour has to be asked for its address again. */
int net_forget(const char *ifname, const char *addr)
{
	struct arpreq req = { 0 };
	int fd, ret;

	if (is_ipv6(addr))
		return forget6(ifname, addr);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	set_addr(&req.arp_pa, addr);
	strncpy(req.arp_dev, ifname, sizeof(req.arp_dev) - 1);
	ret = fd < 0 ? -1 : ioctl(fd, SIOCDARP, &req);
	close(fd);
	return ret;
}

/* Brings one interface up; it may be one that has just been plugged in. */
int net_addr(const char *ifname, const char *addr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret = -1;

	if (fd < 0)
		return -1;
	if (config.mtu && link_mtu(fd, ifname, config.mtu))
		goto out;
	if (link_up(fd, ifname))
		goto out;
	ret = link_addr(fd, ifname, addr);
out:
	close(fd);
	return ret;
}

int net_up(const char *ifname, const char *addr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret = fd < 0 ? -1 : link_up(fd, "lo");

	close(fd);
	if (!ret)
		ret = net_addr(ifname, addr);
	if (!ret)
		link_wait(ifname);
	if (!ret && config.addr6[0])
		ret = link_addr6(ifname, config.addr6);
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

	if (fd < 0 || bind(fd, (struct sockaddr *)&sin6, sizeof(sin6)))
		return -1;
	return fd;
}

int net_listen(int port, int backlog)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) || listen(fd, backlog)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int connect_to(const void *sa, socklen_t size)
{
	int fd = socket(((const struct sockaddr *)sa)->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (connect(fd, sa, size)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* To an address, or a path, which has no port. */
int net_connect(const char *addr, const char *port)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct sockaddr_in sin;

	if (addr[0] == '/') {
		snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", addr);
		return connect_to(&sun, sizeof(sun));
	}
	if (is_ipv6(addr)) {
		inet_pton(AF_INET6, addr, &sin6.sin6_addr);
		sin6.sin6_port = htons(strtoul(port, NULL, 10));
		return connect_to(&sin6, sizeof(sin6));
	}
	set_addr((struct sockaddr *)&sin, addr);
	sin.sin_port = htons(strtoul(port, NULL, 10));
	return connect_to(&sin, sizeof(sin));
}
