// SPDX-License-Identifier: GPL-2.0
/*
 * TLS by the kernel, of keys that both ends have from the start: what a handshake
 * would leave behind. In the guest that serves, a relay has the other end, since
 * no NBD server hands its connections to the kernel.
 */
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

#define BACKLOG		16
#define TARGET		"127.0.0.1"

static int key_set(int fd, int way, char who)
{
	struct tls12_crypto_info_aes_gcm_128 key = {
		.info = { .version = TLS_1_3_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128 },
	};

	memset(key.key, who, sizeof(key.key));
	memset(key.salt, who, sizeof(key.salt));
	memset(key.iv, who, sizeof(key.iv));
	return setsockopt(fd, SOL_TLS, way, &key, sizeof(key));
}

/* 0 or -1 */
int ktls_start(int fd, bool server)
{
	if (setsockopt(fd, SOL_TCP, TCP_ULP, "tls", sizeof("tls")))
		return -1;
	return key_set(fd, TLS_TX, server ? 's' : 'c') || key_set(fd, TLS_RX, server ? 'c' : 's') ?
	       -1 : 0;
}

static bool pass_on(int from, int to)
{
	static char data[1 << 16];
	ssize_t len = read(from, data, sizeof(data)), done;

	if (len <= 0)
		return false;
	for (char *at = data; len; at += done, len -= done) {
		done = write(to, at, len);
		if (done <= 0)
			return false;
	}
	return true;
}

static void relay(int fd, const char *port)
{
	struct pollfd ends[] = { { .fd = fd, .events = POLLIN }, { .events = POLLIN } };
	bool open = !ktls_start(fd, true);

	ends[1].fd = net_connect(TARGET, port);
	while (open && ends[1].fd >= 0 && poll(ends, 2, -1) > 0) {
		if (ends[0].revents)
			open = pass_on(ends[0].fd, ends[1].fd);
		if (open && ends[1].revents)
			open = pass_on(ends[1].fd, ends[0].fd);
	}
}

/* Each connection to @port goes on to @target of the same machine, without TLS. */
void ktls_relay(const char *port, const char *target)
{
	int fd = net_listen(strtoul(port, NULL, 10), BACKLOG), one;

	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	while (fd >= 0) {
		one = accept(fd, NULL, NULL);
		if (one >= 0 && !fork()) {
			relay(one, target);
			_exit(0);
		}
		close(one);
	}
	_exit(1);
}
