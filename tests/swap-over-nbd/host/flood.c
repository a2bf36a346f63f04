// SPDX-License-Identifier: GPL-2.0
/*
 * Send Ethernet frames at a steady rate, for a bounded time, and stop.
 *
 * To QEMU's filter-redirector: a unix stream socket, each frame behind its
 * length. From within a guest: a packet socket. What cannot be sent when it is
 * due is sent a little later; what is late by more is dropped, and counted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX	9014
#define TICK_US		1000
#define LATE_US		500000
#define MAX_SECONDS	600
#define MAX_PPS		1000000
#define DEST_PORT_OPEN	9
#define LISTEN_PORT	13
#define IP_MF		0x2000
#define SIZE_MAX_PLAIN	1500
#define SIZE_JUMBO	8960

enum kind {
	UDP_OPEN, UDP_CLOSED, FRAG4, FRAG6, SYN_OPEN, SYN_CLOSED, ICMP, ARP, BROADCAST, JUMBO, KINDS
};

static const char * const kind_names[KINDS] = {
	"udp-open", "udp-closed", "frag4", "frag6", "syn-open", "syn-closed", "icmp", "arp",
	"broadcast", "jumbo",
};

struct ip4 {
	uint8_t vhl, tos;
	uint16_t len, id, off;
	uint8_t ttl, proto;
	uint16_t sum;
	uint8_t src[4], dst[4];
} __attribute__((packed));

struct ip6 {
	uint32_t flow;
	uint16_t len;
	uint8_t next, hops;
	uint8_t src[16], dst[16];
} __attribute__((packed));

struct frag6 {
	uint8_t next, reserved;
	uint16_t off;
	uint32_t id;
} __attribute__((packed));

struct udp {
	uint16_t src, dst, len, sum;
} __attribute__((packed));

struct tcp {
	uint16_t src, dst;
	uint32_t seq, ack;
	uint16_t flags, window, sum, urgent;
} __attribute__((packed));

struct icmp {
	uint8_t type, code;
	uint16_t sum, id, seq;
} __attribute__((packed));

struct arp {
	uint16_t hard, proto;
	uint8_t hlen, plen;
	uint16_t op;
	uint8_t sender[6], sender_ip[4], target[6], target_ip[4];
} __attribute__((packed));

struct flood {
	int fd;
	bool stream;
	uint8_t mac[6], dst[4];
	unsigned int size, seconds;
	unsigned long pps[KINDS], sent[KINDS], dropped[KINDS];
	uint64_t rng;
};

static uint32_t rnd(struct flood *flood)
{
	flood->rng ^= flood->rng << 13;
	flood->rng ^= flood->rng >> 7;
	flood->rng ^= flood->rng << 17;
	return flood->rng >> 16;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ULL + ts.tv_nsec / 1000;
}

/* -- frames ----------------------------------------------------------------- */

static uint16_t sum16_from(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *pos = data;

	for (; len > 1; len -= 2, pos += 2)
		sum += pos[0] << 8 | pos[1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum & 0xffff);
}

static uint16_t sum16(const void *data, size_t len)
{
	return sum16_from(0, data, len);
}

static uint8_t *put_eth_to(const uint8_t *dst, uint8_t *pos, uint16_t proto)
{
	struct ethhdr *eth = (void *)pos;

	memcpy(eth->h_dest, dst, ETH_ALEN);
	memcpy(eth->h_source, "\x02\x66\x6c\x6f\x6f\x64", ETH_ALEN);
	eth->h_proto = htons(proto);
	return pos + sizeof(*eth);
}

static uint8_t *put_eth(struct flood *flood, uint8_t *pos, uint16_t proto)
{
	return put_eth_to(flood->mac, pos, proto);
}

static uint8_t *put_ip4(struct flood *flood, uint8_t *pos, size_t payload, uint16_t off)
{
	struct ip4 *ip = (void *)pos;

	memset(ip, 0, sizeof(*ip));
	ip->vhl = 0x45;
	ip->len = htons(sizeof(*ip) + payload);
	ip->id = htons(rnd(flood));
	ip->off = htons(off);
	ip->ttl = 64;
	ip->proto = IPPROTO_UDP;
	memcpy(ip->src, flood->dst, 4);
	ip->src[3] = 100 + rnd(flood) % 100;
	memcpy(ip->dst, flood->dst, 4);
	ip->sum = sum16(ip, sizeof(*ip));
	return pos + sizeof(*ip);
}

/* A checksum of 0 is none, which IPv4 permits. */
static uint8_t *put_udp(struct flood *flood, uint8_t *pos, size_t payload, uint16_t port)
{
	struct udp *udp = (void *)pos;

	udp->src = htons(1024 + rnd(flood) % 60000);
	udp->dst = htons(port);
	udp->len = htons(sizeof(*udp) + payload);
	udp->sum = 0;
	return pos + sizeof(*udp);
}

static uint8_t *frame_udp(struct flood *flood, uint8_t *pos, size_t size, bool open)
{
	size_t payload = size - sizeof(struct ip4) - sizeof(struct udp);
	uint16_t port = open ? DEST_PORT_OPEN : 20000 + rnd(flood) % 20000;

	pos = put_eth(flood, pos, ETH_P_IP);
	pos = put_ip4(flood, pos, sizeof(struct udp) + payload, 0);
	return put_udp(flood, pos, payload, port) + payload;
}

/* More fragments are always to come, and none ever does for this id. */
static uint8_t *frame_frag4(struct flood *flood, uint8_t *pos)
{
	size_t payload = (flood->size - sizeof(struct ip4)) & ~7UL;
	uint16_t off = rnd(flood) & 1 ? 0 : payload / 8 * (1 + rnd(flood) % 8);

	pos = put_eth(flood, pos, ETH_P_IP);
	pos = put_ip4(flood, pos, payload, off | IP_MF);
	if (!off)
		put_udp(flood, pos, 4096, DEST_PORT_OPEN);
	return pos + payload;
}

/* The link-local address that the guest derives from its MAC. */
static void link_local(uint8_t *addr, const uint8_t *mac)
{
	memset(addr, 0, 16);
	addr[0] = 0xfe;
	addr[1] = 0x80;
	memcpy(addr + 8, mac, 3);
	addr[8] ^= 2;
	addr[11] = 0xff;
	addr[12] = 0xfe;
	memcpy(addr + 13, mac + 3, 3);
}

static uint8_t *frame_frag6(struct flood *flood, uint8_t *pos)
{
	size_t payload = (flood->size - sizeof(struct ip6) - sizeof(struct frag6)) & ~7UL;
	static const uint8_t from[6] = { 2, 0x66, 0x6c, 0x6f, 0x6f, 0x64 };
	struct frag6 *frag;
	struct ip6 *ip;

	pos = put_eth(flood, pos, ETH_P_IPV6);
	ip = (void *)pos;
	memset(ip, 0, sizeof(*ip));
	ip->flow = htonl(6 << 28);
	ip->len = htons(sizeof(*frag) + payload);
	ip->next = IPPROTO_FRAGMENT;
	ip->hops = 64;
	link_local(ip->src, from);
	link_local(ip->dst, flood->mac);
	frag = (void *)(ip + 1);
	frag->next = IPPROTO_UDP;
	frag->reserved = 0;
	frag->off = htons((rnd(flood) & 1 ? 0 : payload * (1 + rnd(flood) % 8)) | 1);
	frag->id = rnd(flood);
	return (uint8_t *)(frag + 1) + payload;
}

/* What put_ip4() has filled in, with another protocol. */
static void ip4_protocol(struct ip4 *ip, uint8_t proto)
{
	ip->proto = proto;
	ip->sum = 0;
	ip->sum = sum16(ip, sizeof(*ip));
}

/* From a hundred addresses none of which answers. */
static uint8_t *frame_syn(struct flood *flood, uint8_t *pos, bool open)
{
	struct ip4 *ip;
	struct tcp *tcp;

	pos = put_eth(flood, pos, ETH_P_IP);
	ip = (void *)pos;
	pos = put_ip4(flood, pos, sizeof(*tcp), 0);
	ip4_protocol(ip, IPPROTO_TCP);
	tcp = (void *)pos;
	memset(tcp, 0, sizeof(*tcp));
	tcp->src = htons(1024 + rnd(flood) % 60000);
	tcp->dst = htons(open ? LISTEN_PORT : 20000 + rnd(flood) % 20000);
	tcp->seq = rnd(flood);
	tcp->flags = htons(5 << 12 | 2);
	tcp->window = htons(65535);
	tcp->sum = sum16_from(sizeof(*tcp) + IPPROTO_TCP +
			      (uint16_t)~ntohs(sum16(ip->src, 8)), tcp, sizeof(*tcp));
	return pos + sizeof(*tcp);
}

/* From the gateway, so that every answer finds its way to the transmit ring. */
static uint8_t *frame_icmp(struct flood *flood, uint8_t *pos)
{
	size_t payload = flood->size - sizeof(struct ip4);
	struct icmp *icmp;
	struct ip4 *ip;

	pos = put_eth(flood, pos, ETH_P_IP);
	ip = (void *)pos;
	pos = put_ip4(flood, pos, payload, 0);
	ip->src[3] = 2;
	ip4_protocol(ip, IPPROTO_ICMP);
	icmp = (void *)pos;
	memset(icmp, 0, payload);
	icmp->type = 8;
	icmp->seq = rnd(flood);
	icmp->sum = sum16(icmp, payload);
	return pos + payload;
}

static const uint8_t everyone[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static uint8_t *frame_arp(struct flood *flood, uint8_t *pos)
{
	struct arp *arp;

	pos = put_eth_to(everyone, pos, ETH_P_ARP);
	arp = (void *)pos;
	memset(arp, 0, sizeof(*arp));
	arp->hard = htons(1);
	arp->proto = htons(ETH_P_IP);
	arp->hlen = 6;
	arp->plen = 4;
	arp->op = htons(1);
	memcpy(arp->sender, "\x02\x66\x6c\x6f\x6f\x64", 6);
	memcpy(arp->sender_ip, flood->dst, 4);
	arp->sender_ip[3] = 100 + rnd(flood) % 100;
	memcpy(arp->target_ip, flood->dst, 4);
	return pos + sizeof(*arp);
}

/* To all on the wire, on the port that nobody reads. */
static uint8_t *frame_broadcast(struct flood *flood, uint8_t *pos)
{
	uint8_t *end = frame_udp(flood, pos, flood->size, true);
	struct ip4 *ip = (void *)(pos + ETH_HLEN);

	memcpy(pos, everyone, 6);
	ip->dst[3] = 255;
	ip4_protocol(ip, IPPROTO_UDP);
	return end;
}

static size_t frame_make(struct flood *flood, enum kind kind, uint8_t *frame)
{
	switch (kind) {
	case FRAG4:
		return frame_frag4(flood, frame) - frame;
	case FRAG6:
		return frame_frag6(flood, frame) - frame;
	case SYN_OPEN:
	case SYN_CLOSED:
		return frame_syn(flood, frame, kind == SYN_OPEN) - frame;
	case ICMP:
		return frame_icmp(flood, frame) - frame;
	case ARP:
		return frame_arp(flood, frame) - frame;
	case BROADCAST:
		return frame_broadcast(flood, frame) - frame;
	case JUMBO:
		return frame_udp(flood, frame, SIZE_JUMBO, true) - frame;
	default:
		return frame_udp(flood, frame, flood->size, kind == UDP_OPEN) - frame;
	}
}

/* -- sending ---------------------------------------------------------------- */

static bool writable(int fd, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	return poll(&pfd, 1, timeout_ms) == 1 && !(pfd.revents & (POLLERR | POLLHUP));
}

/* Once begun, a frame has to be finished: its length has gone ahead. */
static int send_stream(struct flood *flood, const uint8_t *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t ret = send(flood->fd, data + done, len - done,
				   MSG_DONTWAIT | MSG_NOSIGNAL);

		if (ret > 0) {
			done += ret;
			continue;
		}
		if (ret < 0 && errno != EAGAIN && errno != EINTR)
			return -1;
		if (!done)
			return 0;
		if (!writable(flood->fd, 10 * 1000))
			return -1;
	}
	return 1;
}

/* 1: sent, 0: no room, -1: the other end has gone. */
static int send_frame(struct flood *flood, enum kind kind)
{
	static uint8_t data[4 + FRAME_MAX];
	uint32_t be;
	size_t len;

	len = frame_make(flood, kind, data + 4);
	if (flood->stream) {
		be = htonl(len);
		memcpy(data, &be, sizeof(be));
		return send_stream(flood, data, len + 4);
	}
	if (send(flood->fd, data + 4, len, MSG_DONTWAIT) >= 0)
		return 1;
	return errno == ENOBUFS || errno == EAGAIN || errno == ENOMEM ? 0 : -1;
}

/* What is due by @us of the run and has neither been sent nor dropped. */
static unsigned long kind_due(const struct flood *flood, enum kind kind, uint64_t us)
{
	return flood->pps[kind] * us / 1000000 - flood->sent[kind] - flood->dropped[kind];
}

/* The kinds take turns, so that none pushes another off a full wire. */
static int send_due(struct flood *flood, uint64_t us)
{
	bool more = true;
	int kind, ret;

	while (more) {
		more = false;
		for (kind = 0; kind < KINDS; kind++) {
			if (!kind_due(flood, kind, us))
				continue;
			ret = send_frame(flood, kind);
			if (ret <= 0)
				return ret;
			flood->sent[kind]++;
			more = true;
		}
	}
	return 0;
}

static void drop_late(struct flood *flood, uint64_t us)
{
	int kind;

	for (kind = 0; kind < KINDS; kind++) {
		unsigned long due = kind_due(flood, kind, us);
		unsigned long most = flood->pps[kind] * LATE_US / 1000000;

		if (due > most)
			flood->dropped[kind] += due - most;
	}
}

static void say_counts(const struct flood *flood, uint64_t us, const char *word)
{
	int kind;

	printf("%s s=%.1f", word, us / 1e6);
	for (kind = 0; kind < KINDS; kind++)
		printf(" %s=%lu/%lu", kind_names[kind], flood->sent[kind],
		       flood->sent[kind] + flood->dropped[kind]);
	printf("\n");
	fflush(stdout);
}

static int flood_run(struct flood *flood)
{
	uint64_t start = now_us(), us = 0, said = 0;

	while (us < flood->seconds * 1000000ULL) {
		us = now_us() - start;
		if (send_due(flood, us)) {
			say_counts(flood, us, "closed");
			return 1;
		}
		drop_late(flood, us);
		if (us - said > 1000000) {
			said = us;
			say_counts(flood, us, "at");
		}
		usleep(TICK_US);
	}
	say_counts(flood, us, "end");
	return 0;
}

/* -- options ---------------------------------------------------------------- */

static int open_stream(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		return -1;
	return fd;
}

static int open_packet(const char *ifname)
{
	struct sockaddr_ll sll = {
		.sll_family = AF_PACKET,
		.sll_ifindex = if_nametoindex(ifname),
	};
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sll, sizeof(sll)))
		return -1;
	return fd;
}

static int parse_mac(const char *text, uint8_t *mac)
{
	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
		      &mac[4], &mac[5]) == 6 ? 0 : -1;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: flood --stream PATH | --packet IF  --mac MAC --ip ADDR --seconds N\n"
		"             [--KIND PPS]... [--size BYTES] [--seed N]\n"
		"KIND is udp-open, udp-closed, frag4, frag6, syn-open, syn-closed, icmp, arp,\n"
		"broadcast or jumbo\n");
	return 2;
}

static const struct option options[] = {
	{ "udp-open", required_argument, NULL, UDP_OPEN },
	{ "udp-closed", required_argument, NULL, UDP_CLOSED },
	{ "frag4", required_argument, NULL, FRAG4 },
	{ "frag6", required_argument, NULL, FRAG6 },
	{ "syn-open", required_argument, NULL, SYN_OPEN },
	{ "syn-closed", required_argument, NULL, SYN_CLOSED },
	{ "icmp", required_argument, NULL, ICMP },
	{ "arp", required_argument, NULL, ARP },
	{ "broadcast", required_argument, NULL, BROADCAST },
	{ "jumbo", required_argument, NULL, JUMBO },
	{ "stream", required_argument, NULL, 's' },
	{ "packet", required_argument, NULL, 'p' },
	{ "mac", required_argument, NULL, 'm' },
	{ "ip", required_argument, NULL, 'i' },
	{ "seconds", required_argument, NULL, 't' },
	{ "size", required_argument, NULL, 'z' },
	{ "seed", required_argument, NULL, 'r' },
	{ }
};

static int parse(struct flood *flood, int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt >= 0 && opt < KINDS) {
			flood->pps[opt] = strtoul(optarg, NULL, 10);
			if (flood->pps[opt] > MAX_PPS)
				return -1;
		} else if (opt == 's' || opt == 'p') {
			flood->stream = opt == 's';
			flood->fd = opt == 's' ? open_stream(optarg) : open_packet(optarg);
			if (flood->fd < 0) {
				perror(optarg);
				return -1;
			}
		} else if (opt == 'm' && parse_mac(optarg, flood->mac)) {
			return -1;
		} else if (opt == 'i' && inet_pton(AF_INET, optarg, flood->dst) != 1) {
			return -1;
		} else if (opt == 't') {
			flood->seconds = strtoul(optarg, NULL, 10);
		} else if (opt == 'z') {
			flood->size = strtoul(optarg, NULL, 10);
		} else if (opt == 'r') {
			flood->rng ^= strtoull(optarg, NULL, 10) * 0x2545f4914f6cdd1dULL;
		} else if (opt == '?') {
			return -1;
		}
	}
	if (flood->fd < 0 || !flood->seconds || flood->seconds > MAX_SECONDS)
		return -1;
	return flood->size < 100 || flood->size > SIZE_MAX_PLAIN ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct flood flood = { .fd = -1, .size = 1400, .rng = 88172645463325252ULL };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (parse(&flood, argc, argv))
		return usage();
	return flood_run(&flood);
}
