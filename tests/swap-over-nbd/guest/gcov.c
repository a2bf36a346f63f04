// SPDX-License-Identifier: GPL-2.0
/*
 * What of our code has run, on a kernel that counts it (CONFIG_GCOV_KERNEL):
 * the counters of each object, to a port of their own. Before each stands a
 * line, "NAME SIZE".
 */
#define _GNU_SOURCE	/* nftw() */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig.h"

#define GCOV	"/sys/kernel/debug/gcov"

static int gcov_port;

static void gcov_write(const char *data, size_t len)
{
	while (len) {
		ssize_t done = write(gcov_port, data, len);

		if (done <= 0)
			die("writing coverage");
		data += done;
		len -= done;
	}
}

/* The size of such a file is known when it has been read. */
static size_t gcov_read(const char *path, char **data)
{
	size_t size = 0, room = 1 << 16;
	ssize_t len;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*data = malloc(room);
	if (fd < 0 || !*data)
		die("opening %s", path);
	while ((len = read(fd, *data + size, room - size)) > 0) {
		size += len;
		if (size < room)
			continue;
		room *= 2;
		*data = realloc(*data, room);
		if (!*data)
			die("memory for %s", path);
	}
	if (len < 0)
		die("reading %s", path);
	close(fd);
	return size;
}

static int gcov_take(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *name = path + ftw->base;
	char line[256], *data;
	size_t len;

	(void)st;
	if (type != FTW_F || strlen(name) < 6 || strcmp(name + strlen(name) - 5, ".gcda"))
		return 0;
	len = gcov_read(path, &data);
	gcov_write(line, snprintf(line, sizeof(line), "%s %zu\n", name, len));
	gcov_write(data, len);
	free(data);
	return 0;
}

void gcov_save(void)
{
	if (access(GCOV, F_OK))
		mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	if (access(GCOV, F_OK))
		return;
	gcov_port = port_open("org.reserve.gcov");
	if (gcov_port < 0)
		die("there is no port for coverage");
	if (nftw(GCOV, gcov_take, 16, FTW_PHYS))
		die("looking for coverage in " GCOV);
	close(gcov_port);
}
