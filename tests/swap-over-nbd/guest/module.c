// SPDX-License-Identifier: GPL-2.0
/*
 * The guest of 'rig module': does what /rig/plan says, line by line.
 *
 *	write PATH=VALUE	a knob
 *	load FILE [PARAMETERS]	a module; done when its init is, and KUnit's
 *				suites run in there
 *	sleep SECONDS		e.g. until kmemleak takes an object for lost
 *	cat PATH		to the console
 */
#define _GNU_SOURCE	/* syscall() */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rig.h"

static void plan_write(char *path)
{
	char *value = strchr(path, '=');

	if (!value)
		die("'%s' is not PATH=VALUE", path);
	*value++ = '\0';
	errno = 0;
	if (put_file(path, value))
		die("writing '%s' to %s", value, path);
}

static void plan_load(char *file)
{
	char *params = strchr(file, ' ');
	int error = 0, fd;

	if (params)
		*params++ = '\0';
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("opening %s", file);
	say("load %s %s", file, params ? params : "");
	if (syscall(SYS_finit_module, fd, params ? params : "", 0))
		error = errno;
	close(fd);
	say("loaded %d %s", error, error ? strerror(error) : "");
}

static void plan_cat(const char *path)
{
	char text[4096];
	ssize_t len;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("opening %s", path);
	say("cat %s", path);
	while ((len = read(fd, text, sizeof(text))) > 0)
		if (write(STDOUT_FILENO, text, len) != len)
			break;
	close(fd);
	if (len < 0)
		die("reading %s", path);
	say("end");
}

void module_run(void)
{
	FILE *plan = fopen("/rig/plan", "re");
	char line[1024], *rest;

	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	if (!plan)
		die("opening /rig/plan");
	while (fgets(line, sizeof(line), plan)) {
		line[strcspn(line, "\n")] = '\0';
		rest = strchr(line, ' ');
		if (!rest)
			die("the plan has a line '%s'", line);
		*rest++ = '\0';
		if (!strcmp(line, "write"))
			plan_write(rest);
		else if (!strcmp(line, "load"))
			plan_load(rest);
		else if (!strcmp(line, "sleep"))
			sleep(strtoul(rest, NULL, 10));
		else if (!strcmp(line, "cat"))
			plan_cat(rest);
		else
			die("the plan has a word '%s'", line);
	}
	fclose(plan);
}
