// SPDX-License-Identifier: GPL-2.0
/* The virtio ports that carry the verdict and the time series. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"

static bool port_has_name(const char *port, const char *name)
{
	char path[300], text[64];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", port);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return false;
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return !strcmp(text, name);
}

static int port_try(const char *name)
{
	char path[300];
	struct dirent *entry;
	int fd = -1;
	DIR *dir;

	dir = opendir("/sys/class/virtio-ports");
	if (!dir)
		return -1;
	while (fd < 0 && (entry = readdir(dir))) {
		if (!port_has_name(entry->d_name, name))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	closedir(dir);
	return fd;
}

/* A port appears when the host has answered: give it a few seconds. */
int port_open(const char *name)
{
	int fd, tries;

	for (tries = 0; tries < 100; tries++) {
		fd = port_try(name);
		if (fd >= 0)
			return fd;
		usleep(100 * 1000);
	}
	return -1;
}
