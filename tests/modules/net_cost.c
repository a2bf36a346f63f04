// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs to allocate a page, and to allocate, receive and send a packet,
 * without pressure: in a guest whose clock counts instructions, so that the
 * least of many runs is exact. One source for unmodified Linux and ours; prints
 * a line for each case, "net_cost: STATE CASE CYCLES", cycles for 1000 of them.
 *
 * With connected=1 a SOCK_MEMALLOC socket is there meanwhile.
 */
#include <linux/etherdevice.h>
#include <linux/in.h>
#include <linux/inetdevice.h>
#include <linux/ip.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/timex.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/sock.h>

#define BATCH	16
#define PORT	7777

static int runs = 2000;
module_param(runs, int, 0444);
MODULE_PARM_DESC(runs, "batches of which the least counts");

static bool connected;
module_param(connected, bool, 0444);
MODULE_PARM_DESC(connected, "with a SOCK_MEMALLOC socket");

static struct socket *receiver, *sender, *memalloc;
static struct napi_struct napi;
static struct net_device *napi_dev;

static void case_page(void)
{
	struct page *page = alloc_page(GFP_ATOMIC);

	if (page)
		__free_page(page);
}

static void case_kmalloc_skb(void)
{
	kfree_skb(alloc_skb(128, GFP_ATOMIC));
}

static void case_fclone_skb(void)
{
	kfree_skb(alloc_skb_fclone(320, GFP_ATOMIC));
}

static void case_netdev_skb(void)
{
	kfree_skb(netdev_alloc_skb(napi_dev, 1600));
}

static void case_napi_skb(void)
{
	struct sk_buff *skb = napi_alloc_skb(&napi, 1600);

	if (skb)
		napi_consume_skb(skb, 64);
}

static void case_napi_small(void)
{
	struct sk_buff *skb = napi_alloc_skb(&napi, 128);

	if (skb)
		napi_consume_skb(skb, 64);
}

static void case_frag(void)
{
	void *data = napi_alloc_frag(2048);

	if (data)
		skb_free_frag(data);
}

static void case_clone(void)
{
	struct sk_buff *skb = alloc_skb(128, GFP_ATOMIC);

	if (!skb)
		return;
	kfree_skb(skb_clone(skb, GFP_ATOMIC));
	kfree_skb(skb);
}

static struct sk_buff *udp_packet(void)
{
	struct sk_buff *skb = netdev_alloc_skb(init_net.loopback_dev, 256);
	struct udphdr *uh;
	struct iphdr *iph;

	if (!skb)
		return NULL;
	skb_reserve(skb, ETH_HLEN);
	iph = skb_put_zero(skb, sizeof(*iph));
	uh = skb_put_zero(skb, sizeof(*uh) + 64);
	iph->version = 4;
	iph->ihl = 5;
	iph->ttl = 64;
	iph->protocol = IPPROTO_UDP;
	iph->tot_len = htons(skb->len);
	iph->saddr = htonl(INADDR_LOOPBACK);
	iph->daddr = htonl(INADDR_LOOPBACK);
	ip_send_check(iph);
	uh->source = htons(1);
	uh->dest = htons(PORT);
	uh->len = htons(sizeof(*uh) + 64);
	skb->protocol = htons(ETH_P_IP);
	skb->pkt_type = PACKET_HOST;
	skb_reset_mac_header(skb);
	return skb;
}

static void case_udp_receive(void)
{
	struct sk_buff *skb = udp_packet();

	if (skb)
		netif_receive_skb(skb);
}

static void drain(struct socket *sock)
{
	char data[128];
	struct kvec vec;
	struct msghdr msg;

	do {
		vec = (struct kvec){ data, sizeof(data) };
		msg = (struct msghdr){ .msg_flags = MSG_DONTWAIT };
	} while (kernel_recvmsg(sock, &msg, &vec, 1, sizeof(data), MSG_DONTWAIT) > 0);
}

static void case_udp_send(void)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct msghdr msg = {
		.msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_flags = MSG_DONTWAIT,
	};
	char data[64] = {};
	struct kvec vec = { data, sizeof(data) };

	kernel_sendmsg(sender, &msg, &vec, 1, sizeof(data));
}

static const struct {
	const char *name;
	void (*one)(void);
	bool process;	/* may not run with bottom halves off */
} cases[] = {
	{ "alloc_page", case_page },
	{ "alloc_skb", case_kmalloc_skb },
	{ "alloc_skb_fclone", case_fclone_skb },
	{ "netdev_alloc_skb", case_netdev_skb },
	{ "napi_alloc_skb", case_napi_skb },
	{ "napi_alloc_skb-small", case_napi_small },
	{ "napi_alloc_frag", case_frag },
	{ "skb_clone", case_clone },
	{ "udp-receive", case_udp_receive },
	{ "udp-send-receive", case_udp_send, true },
};

static u64 batch(unsigned int i)
{
	cycles_t start;
	unsigned int n;

	if (!cases[i].process)
		local_bh_disable();
	start = get_cycles();
	for (n = 0; n < BATCH; n++)
		cases[i].one();
	start = get_cycles() - start;
	if (!cases[i].process)
		local_bh_enable();
	drain(receiver);
	return start;
}

static void measure(void)
{
	u64 least, now;
	unsigned int i;
	int n;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		least = U64_MAX;
		for (n = 0; n < runs; n++) {
			now = batch(i);
			least = min(least, now);
		}
		pr_info("net_cost: %s %s %llu\n", connected ? "connected" : "idle",
			cases[i].name, least * 1000 / BATCH);
	}
}

static int lo_up(void)
{
	int err;

	rtnl_lock();
	err = dev_open(init_net.loopback_dev, NULL);
	rtnl_unlock();
	return err;
}

static int udp_socket(struct socket **sock, u16 port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int err = sock_create_kern(&init_net, AF_INET, SOCK_DGRAM, IPPROTO_UDP, sock);

	return err ?: kernel_bind(*sock, (struct sockaddr *)&addr, sizeof(addr));
}

static int sockets(void)
{
	int err = udp_socket(&receiver, PORT) ?: udp_socket(&sender, 0);

	if (!err && connected) {
		err = sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP,
				       &memalloc);
		if (!err)
			sk_set_memalloc(memalloc->sk);
	}
	return err;
}

static int __init net_cost_init(void)
{
	int err = lo_up();

	napi_dev = alloc_netdev_dummy(0);
	if (!napi_dev)
		return -ENOMEM;
	netif_napi_add(napi_dev, &napi, NULL);
	err = err ?: sockets();
	if (!err)
		measure();
	if (memalloc) {
		sk_clear_memalloc(memalloc->sk);
		sock_release(memalloc);
	}
	if (sender)
		sock_release(sender);
	if (receiver)
		sock_release(receiver);
	netif_napi_del(&napi);
	free_netdev(napi_dev);
	return err;
}

static void __exit net_cost_exit(void)
{
}

module_init(net_cost_init);
module_exit(net_cost_exit);
MODULE_DESCRIPTION("Instructions to allocate, receive and send a packet");
MODULE_LICENSE("GPL");
