// SPDX-License-Identifier: GPL-2.0
/*
 * Disconnect an NBD device through netlink. nbd-client and its libraries are
 * gone from the initramfs by then: they cost a tenth of the guest's memory.
 *
 * Where the connection is to be made again after the server was gone, connect
 * as well: nbd-client has no way to hand the kernel another socket.
 */
#define _GNU_SOURCE	/* POLLRDHUP */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/nbd-netlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

#define NBD_GREETING	0x4e42444d41474943ULL	/* NBDMAGIC */
#define NBD_OPTION	0x49484156454f5054ULL	/* IHAVEOPT */
#define NBD_OPT_EXPORT	1
#define NBD_CLIENT	3	/* fixed newstyle, no zeroes */
#define EXPORT		"swap"
#define MAX_SOCKS	4
#define BLOCK		4096
#define OFFER_MS	500
#define DEAD_SECONDS	600	/* how long requests wait for another connection */

struct message {
	struct nlmsghdr nlh;
	struct genlmsghdr genl;
	char attrs[512];
};

static uint16_t family;

static void message_init(struct message *msg, uint16_t type, uint8_t cmd, uint8_t version)
{
	memset(msg, 0, sizeof(*msg));
	msg->nlh.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	msg->nlh.nlmsg_type = type;
	msg->nlh.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	msg->genl.cmd = cmd;
	msg->genl.version = version;
}

static void message_attr(struct message *msg, uint16_t type, const void *data, uint16_t len)
{
	struct nlattr *attr = (void *)msg + NLMSG_ALIGN(msg->nlh.nlmsg_len);

	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + len;
	memcpy((char *)attr + NLA_HDRLEN, data, len);
	msg->nlh.nlmsg_len = NLMSG_ALIGN(msg->nlh.nlmsg_len) + NLA_ALIGN(attr->nla_len);
}

static uint16_t reply_family(const struct message *msg)
{
	const char *pos = msg->attrs;
	const char *end = (const char *)msg + msg->nlh.nlmsg_len;
	uint16_t id;

	while (pos + NLA_HDRLEN <= end) {
		const struct nlattr *attr = (const void *)pos;

		if (attr->nla_type == CTRL_ATTR_FAMILY_ID) {
			memcpy(&id, pos + NLA_HDRLEN, sizeof(id));
			return id;
		}
		if (attr->nla_len < NLA_HDRLEN)
			break;
		pos += NLA_ALIGN(attr->nla_len);
	}
	return 0;
}

/* Sends @msg and takes what comes back up to and with the acknowledgment. */
static int message_talk(int fd, struct message *msg)
{
	struct message reply;
	const struct nlmsgerr *err = (const void *)&reply.genl;

	if (send(fd, msg, msg->nlh.nlmsg_len, 0) < 0)
		return -1;
	for (;;) {
		memset(&reply, 0, sizeof(reply));
		if (recv(fd, &reply, sizeof(reply), 0) <= 0)
			return -1;
		if (reply.nlh.nlmsg_type == NLMSG_ERROR)
			return err->error;
		if (reply.nlh.nlmsg_type == GENL_ID_CTRL)
			family = reply_family(&reply);
	}
}

/* Done early, so that nothing has to be looked up when memory is scarce. */
int nbd_genl_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	struct message msg;

	message_init(&msg, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	message_attr(&msg, CTRL_ATTR_FAMILY_NAME, NBD_GENL_FAMILY_NAME,
		     sizeof(NBD_GENL_FAMILY_NAME));
	if (fd < 0 || message_talk(fd, &msg) || !family)
		die("no NBD netlink family");
	return fd;
}

int nbd_disconnect(int fd, unsigned int index)
{
	struct message msg;
	uint32_t value = index;

	message_init(&msg, family, NBD_CMD_DISCONNECT, NBD_GENL_VERSION);
	message_attr(&msg, NBD_ATTR_INDEX, &value, sizeof(value));
	return message_talk(fd, &msg);
}

/* -- the client itself ------------------------------------------------------ */

struct hello {
	uint64_t greeting, option;
	uint16_t flags;
} __attribute__((packed));

struct export {
	uint64_t size;
	uint16_t flags;
} __attribute__((packed));

static bool take(int sock, void *data, size_t size)
{
	return recv(sock, data, size, MSG_WAITALL) == (ssize_t)size;
}

/* The connections, which the kernel has as well; with two cards, one over each. */
static int socks[MAX_SOCKS] = { [0 ... MAX_SOCKS - 1] = -1 };
static bool offered[MAX_SOCKS];		/* and not taken by the kernel yet */

static int paths(void)
{
	if (config.server2[0])
		return 2;
	if (!config.connections)
		return 1;
	return config.connections < MAX_SOCKS ? config.connections : MAX_SOCKS;
}

static const char *path_addr(int path)
{
	return path && config.server2[0] ? config.server2 : config.server;
}

/* A new connection with the export chosen, or -1; each device has a port of its own. */
static int nbd_open(int path, unsigned int index, struct export *export)
{
	struct hello hello;
	struct {
		uint32_t flags;
		uint64_t magic;
		uint32_t option, len;
		char name[sizeof(EXPORT) - 1];
	} __attribute__((packed)) want = {
		.flags = htonl(NBD_CLIENT), .magic = htobe64(NBD_OPTION),
		.option = htonl(NBD_OPT_EXPORT), .len = htonl(sizeof(EXPORT) - 1),
	};
	char port[16];
	int sock;

	snprintf(port, sizeof(port), "%lu", strtoul(config.port, NULL, 10) + index);
	sock = net_connect(path_addr(path), port);
	if (sock < 0)
		return -1;
	memcpy(want.name, EXPORT, sizeof(want.name));
	if ((config.ktls && ktls_start(sock, false)) ||
	    !take(sock, &hello, sizeof(hello)) || hello.greeting != htobe64(NBD_GREETING) ||
	    send(sock, &want, sizeof(want), MSG_NOSIGNAL) != sizeof(want) ||
	    !take(sock, export, sizeof(*export))) {
		close(sock);
		return -1;
	}
	return sock;
}

static void message_number(struct message *msg, uint16_t type, uint64_t value)
{
	message_attr(msg, type, &value, sizeof(value));
}

static void message_sockets(struct message *msg, const int *from, int count)
{
	struct {
		struct nlattr item, fd;
		uint32_t value;
	} list[MAX_SOCKS];

	for (int i = 0; i < count; i++) {
		list[i].item.nla_len = sizeof(list[i]);
		list[i].item.nla_type = NBD_SOCK_ITEM | NLA_F_NESTED;
		list[i].fd.nla_len = NLA_HDRLEN + sizeof(list[i].value);
		list[i].fd.nla_type = NBD_SOCK_FD;
		list[i].value = from[i];
	}
	message_attr(msg, NBD_ATTR_SOCKETS | NLA_F_NESTED, list, count * sizeof(list[0]));
}

void nbd_forget(void)
{
	for (int i = 0; i < MAX_SOCKS; i++) {
		close(socks[i]);
		socks[i] = -1;
	}
}

/*
 * Only where there is another way is it of use to give one up: after @patience
 * seconds without an answer, or never.
 */
int nbd_connect(int fd, unsigned int index, unsigned int patience)
{
	uint32_t value = index;
	struct export export;
	struct message msg;

	for (int i = 0; i < paths(); i++) {
		socks[i] = nbd_open(i, index, &export);
		if (socks[i] < 0)
			return -1;
	}
	message_init(&msg, family, NBD_CMD_CONNECT, NBD_GENL_VERSION);
	message_attr(&msg, NBD_ATTR_INDEX, &value, sizeof(value));
	message_number(&msg, NBD_ATTR_SIZE_BYTES, be64toh(export.size));
	message_number(&msg, NBD_ATTR_BLOCK_SIZE_BYTES, BLOCK);
	message_number(&msg, NBD_ATTR_SERVER_FLAGS, ntohs(export.flags));
	/* Only where somebody looks after it does a lost connection come back. */
	if (config.reconnect)
		message_number(&msg, NBD_ATTR_DEAD_CONN_TIMEOUT, DEAD_SECONDS);
	if (patience)
		message_number(&msg, NBD_ATTR_TIMEOUT, patience);
	message_sockets(&msg, socks, paths());
	return message_talk(fd, &msg);
}

static int nbd_again(int fd, unsigned int index, int sock)
{
	uint32_t value = index;
	struct message msg;

	message_init(&msg, family, NBD_CMD_RECONFIGURE, NBD_GENL_VERSION);
	message_attr(&msg, NBD_ATTR_INDEX, &value, sizeof(value));
	message_sockets(&msg, &sock, 1);
	return message_talk(fd, &msg);
}

/* Is @words, or @others if any, among what the kernel has said since this was asked last? */
bool kernel_said(int kmsg, const char *words, const char *others)
{
	static char line[2048];
	bool found = false;
	ssize_t len;

	for (;;) {
		len = read(kmsg, line, sizeof(line) - 1);
		if (len < 0 && errno == EPIPE)
			continue;	/* it had to forget some */
		if (len <= 0)
			return found;
		line[len] = '\0';
		found |= strstr(line, words) || (others && strstr(line, others));
	}
}

/*
 * The kernel answers that all is well, too, if it has not seen the end of the old
 * connection, and does not want another one yet. So it is offered again; but one
 * that it has already would be given a second place, and two would read from it.
 * Only its log tells the one from the other.
 */
static bool offer_again(int fd, int kmsg, unsigned int index)
{
	bool left = false;

	for (int i = 0; i < paths(); i++) {
		if (!offered[i])
			continue;
		kernel_said(kmsg, "", NULL);
		nbd_again(fd, index, socks[i]);
		offered[i] = !kernel_said(kmsg, "reconnected socket", NULL);
		left |= offered[i];
	}
	return left;
}

/* Which of the connections has ended, whoever it was that ended it. */
static int wait_for_end(int fd, int kmsg, unsigned int index)
{
	struct pollfd pfds[MAX_SOCKS];
	int i, patience;

	for (i = 0; i < paths(); i++)
		pfds[i] = (struct pollfd) { .fd = socks[i], .events = POLLRDHUP };
	do
		patience = offer_again(fd, kmsg, index) ? OFFER_MS : -1;
	while (poll(pfds, paths(), patience) <= 0);
	for (i = 0; i < paths() - 1 && !pfds[i].revents; i++)
		;
	return i;
}

/*
 * Looks after the connections for good. It is what swap waits for, and says so
 * to the kernel, as every program that swap waits for should.
 */
void nbd_keep(int fd, unsigned int index)
{
	int kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC), path;
	struct export export;

	if (kmsg < 0 || lseek(kmsg, 0, SEEK_END))
		die("/dev/kmsg");
	prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
	for (;;) {
		path = wait_for_end(fd, kmsg, index);
		close(socks[path]);
		while ((socks[path] = nbd_open(path, index, &export)) < 0)
			usleep(500 * 1000);
		offered[path] = true;
		say("reconnected");
	}
}

/*
 * A message made of @bytes, for those who try what the kernel takes: a command,
 * and attributes, each a type, a length and two bytes of value. Devices have
 * small numbers, and a socket may be @sock.
 */
int nbd_message(int fd, const unsigned char *bytes, unsigned int len, int sock)
{
	struct message msg;

	message_init(&msg, family, len ? bytes[0] % (NBD_CMD_MAX + 2) : 0, NBD_GENL_VERSION);
	for (unsigned int i = 1; i + 4 <= len; i += 4) {
		unsigned int type = bytes[i] % (NBD_ATTR_MAX + 2);
		uint64_t value[2] = { bytes[i + 2] | (uint64_t)bytes[i + 3] << (bytes[i + 2] % 57) };

		if (type == NBD_ATTR_INDEX)
			value[0] %= 4;
		if (type == NBD_ATTR_SOCKETS && bytes[i + 1] & 1)
			message_sockets(&msg, &sock, 1);
		else
			message_attr(&msg, type | (bytes[i + 1] & 0x80 ? NLA_F_NESTED : 0), value,
				     bytes[i + 1] & 2 ? bytes[i + 1] % sizeof(value) : 8);
	}
	return message_talk(fd, &msg);
}
