// SPDX-License-Identifier: GPL-2.0
/* The reserve's tree as sysfs shows it; a kernel without it has no nodes. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"

#define ROOT	"/sys/kernel/mm/reserve"

static const char * const node_files[NODE_FILES] = {
	[NODE_USAGE] = "usage",
	[NODE_LIMIT] = "limit",
	[NODE_PAGES] = "pages",
	[NODE_PEAK] = "peak",
	[NODE_FAILCNT] = "failcnt",
};

static void node_add(struct nodes *nodes, const char *path)
{
	struct node *node = &nodes->node[nodes->count];
	char file[256];
	int i;

	if (nodes->count == NODE_MAX)
		return;
	for (i = 0; i < NODE_FILES; i++) {
		snprintf(file, sizeof(file), ROOT "%s/%s", path, node_files[i]);
		node->fd[i] = open(file, O_RDONLY | O_CLOEXEC);
		node->value[i] = 0;
	}
	if (node->fd[NODE_USAGE] < 0)
		return;		/* a directory, but not a node */
	snprintf(node->path, sizeof(node->path), "%s", *path ? path : "/");
	nodes->count++;
}

static void scan(struct nodes *nodes, const char *path, int depth)
{
	char full[256], child[128];
	struct dirent *entry;
	DIR *dir;

	snprintf(full, sizeof(full), ROOT "%s", path);
	dir = opendir(full);
	if (!dir)
		return;
	node_add(nodes, path);
	while (depth && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		if (snprintf(child, sizeof(child), "%s/%s", path, entry->d_name) <
		    (int)sizeof(child))
			scan(nodes, child, depth - 1);
	}
	closedir(dir);
}

void nodes_close(struct nodes *nodes)
{
	unsigned int n, i;

	for (n = 0; n < nodes->count; n++)
		for (i = 0; i < NODE_FILES; i++)
			if (nodes->node[n].fd[i] >= 0)
				close(nodes->node[n].fd[i]);
	nodes->count = 0;
}

/* Opens every file once, so that reading them later allocates nothing. */
void nodes_scan(struct nodes *nodes)
{
	nodes_close(nodes);
	scan(nodes, "", 8);
}

void nodes_read(struct nodes *nodes)
{
	unsigned int n, i;
	char text[32];
	ssize_t len;

	for (n = 0; n < nodes->count; n++) {
		for (i = 0; i < NODE_FILES; i++) {
			if (nodes->node[n].fd[i] < 0)
				continue;
			len = pread(nodes->node[n].fd[i], text, sizeof(text) - 1, 0);
			if (len <= 0)
				continue;
			text[len] = '\0';
			nodes->node[n].value[i] = strtoul(text, NULL, 10);
		}
	}
}

/* The root's limit, and in @used what is in use in all */
unsigned long nodes_limit(unsigned long *used)
{
	struct nodes nodes = { 0 };
	unsigned long limit;

	nodes_scan(&nodes);
	nodes_read(&nodes);
	limit = nodes.node[0].value[NODE_LIMIT];
	*used = 0;
	for (unsigned int i = 0; i < nodes.count; i++)
		*used += nodes.node[i].value[NODE_USAGE];
	nodes_close(&nodes);
	return limit;
}

/*
 * What is on its way comes back by itself, until @left is in use. With ANY_LIMIT only
 * that counts.
 */
bool nodes_settle(unsigned long limit, unsigned long left, unsigned int seconds)
{
	unsigned long used, now;

	for (unsigned int i = 0; i < seconds * 10; i++) {
		now = nodes_limit(&used);
		if (used <= left && (limit == ANY_LIMIT || now == limit))
			return true;
		usleep(100 * 1000);
	}
	return false;
}
