// SPDX-License-Identifier: GPL-2.0
/*
 * Swap over two NBD devices at once, whose servers are at a port and the one
 * after it: a mirror of them, or two ways to the same export.
 */
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "rig.h"

#define NAME		"md_rig"
#define MIRROR		"/dev/" NAME
#define MD		"/sys/block/" NAME "/md"
#define NEW_ARRAY	"/sys/module/md_mod/parameters/new_array"
#define LEGS		2
/*
 * A server that is killed says so once, by a packet that may be lost in a flood.
 * Seconds: more than one is paused for, and than fragments stay.
 */
#define PATIENCE	45

#define PATHS		"rig"
#define DM_CONTROL	"/dev/mapper/control"
#define DM_DEVICE	"/dev/dm-0"

static int genl_fd = -1;

static void start_legs(void)
{
	genl_fd = nbd_genl_open();
}

static void connect_legs(void)
{
	for (unsigned int i = 0; i < LEGS; i++) {
		if (nbd_connect(genl_fd, i, PATIENCE))
			die("server %u could not be connected to%s", i,
			    kernel_says("] reserve: "));
		nbd_forget();	/* the kernel has them */
	}
}

static void disconnect_legs(void)
{
	for (unsigned int i = 0; i < LEGS; i++)
		if (nbd_disconnect(genl_fd, i))
			die("server %u could not be disconnected from", i);
}

/* As the kernel wants to be told of a device. */
static const char *leg(unsigned int index)
{
	static char numbers[LEGS][16];
	char name[16];
	struct stat st;

	snprintf(name, sizeof(name), "/dev/nbd%u", index);
	if (stat(name, &st))
		die("%s", name);
	snprintf(numbers[index], sizeof(numbers[index]), "%u:%u", major(st.st_rdev),
		 minor(st.st_rdev));
	return numbers[index];
}

/* Of the export, which all have in the same size. */
static uint64_t sectors(void)
{
	uint64_t size = 0;
	int fd = open("/dev/nbd0", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size))
		die("the size of /dev/nbd0");
	close(fd);
	return size / 512;
}

/* -- a mirror, by sysfs, without metadata and as if it were in sync --------- */

static void set(const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), MD "/%s", name);
	if (put_file(path, value))
		die("writing %s to %s", value, path);
}

static void add_leg(unsigned int index)
{
	char name[32], value[32];

	set("new_dev", leg(index));
	snprintf(name, sizeof(name), "dev-nbd%u/size", index);
	snprintf(value, sizeof(value), "%lu", (unsigned long)sectors() / 2);	/* KB */
	set(name, value);
	snprintf(name, sizeof(name), "dev-nbd%u/slot", index);
	snprintf(value, sizeof(value), "%u", index);
	set(name, value);
}

static void connect_raid(void)
{
	char size[32];

	connect_legs();
	if (put_file(NEW_ARRAY, NAME) || wait_for_path(MD, true))
		die("no array " NAME);
	set("metadata_version", "none");
	set("level", "raid1");
	set("raid_disks", "2");
	for (unsigned int i = 0; i < LEGS; i++)
		add_leg(i);
	snprintf(size, sizeof(size), "%lu", (unsigned long)sectors() / 2);
	set("component_size", size);
	set("resync_start", "none");
	set("array_state", "active");
	if (wait_for_path(MIRROR, true))
		die("no " MIRROR);
}

static void disconnect_raid(void)
{
	set("array_state", "clear");
	if (wait_for_path(MD, false))
		die(NAME " did not go away");
	disconnect_legs();
}

const struct transport transport_raid = {
	.name = "raid",
	.swap = MIRROR,
	.start = start_legs,
	.connect = connect_raid,
	.disconnect = disconnect_raid,
};

/* -- two ways, the second of which is used when the first has failed -------- */

struct dm_request {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char params[256];
};

static void dm(int fd, const char *what, unsigned long command, struct dm_request *request)
{
	request->head.version[0] = DM_VERSION_MAJOR;
	request->head.data_size = sizeof(*request);
	request->head.data_start = offsetof(struct dm_request, target);
	strcpy(request->head.name, PATHS);
	if (ioctl(fd, command, request))
		die("%s of the device mapper", what);
}

static int dm_open(void)
{
	int fd = open(DM_CONTROL, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die(DM_CONTROL);
	return fd;
}

static void connect_paths(void)
{
	struct dm_request create = { 0 }, resume = { 0 }, load = {
		.head.target_count = 1,
		.target.target_type = "multipath",
	};
	int fd;

	connect_legs();
	fd = dm_open();
	load.target.length = sectors();
	snprintf(load.params, sizeof(load.params),
		 "1 queue_if_no_path 0 2 1 round-robin 0 1 1 %s 1000 round-robin 0 1 1 %s 1000",
		 leg(0), leg(1));
	dm(fd, "DM_DEV_CREATE", DM_DEV_CREATE, &create);
	dm(fd, "DM_TABLE_LOAD", DM_TABLE_LOAD, &load);
	dm(fd, "DM_DEV_SUSPEND", DM_DEV_SUSPEND, &resume);	/* without its flag: resume */
	close(fd);
	if (wait_for_path(DM_DEVICE, true))
		die("no " DM_DEVICE);
}

static void disconnect_paths(void)
{
	struct dm_request remove = { 0 };
	int fd = dm_open();

	dm(fd, "DM_DEV_REMOVE", DM_DEV_REMOVE, &remove);
	close(fd);
	disconnect_legs();
}

const struct transport transport_paths = {
	.name = "paths",
	.swap = DM_DEVICE,
	.start = start_legs,
	.connect = connect_paths,
	.disconnect = disconnect_paths,
};
