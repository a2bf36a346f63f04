// SPDX-License-Identifier: GPL-2.0
/*
 * Disconnect an NBD device through netlink. nbd-client and its libraries are
 * gone from the initramfs by then: they cost a tenth of the guest's memory.
 */
#include <linux/genetlink.h>
#include <linux/nbd-netlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

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

	if (fd < 0)
		return -1;
	message_init(&msg, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	message_attr(&msg, CTRL_ATTR_FAMILY_NAME, NBD_GENL_FAMILY_NAME,
		     sizeof(NBD_GENL_FAMILY_NAME));
	if (message_talk(fd, &msg) || !family) {
		close(fd);
		return -1;
	}
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
