/*
 * What a shadow has written, and its end. Every process of the same user can reach into the sandbox by /proc
 * and keep a file system of it alive; so each of them is emptied at the end, and can take nothing any more.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox.h"

/* Enough for every tree that has at most as many inodes as a scratch file system; somebody outside may go on
 * adding to it, but not for ever. */
#define MOST_PASSES 1000

/* The descriptor outlives the sandbox in the socket. */
static int keep(int keeper, int folder)
{
	char byte = 0;
	struct iovec data = { &byte, 1 };
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = control.room,
				  .msg_controllen = sizeof(control.room) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &folder, sizeof(int));
	return sendmsg(keeper, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 ? 0 : -1;
}

int sandbox_tmpfs(const struct sandbox *wish, const char *path, unsigned long flags, const char *options)
{
	if (mount("tmpfs", path, "tmpfs", MS_NOSUID | flags, options) < 0)
		return refuse(errno, "tmpfs on %s", path);
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int failed = folder < 0 || keep(wish->keep, folder) < 0;
	int error = errno;
	if (folder >= 0)
		close(folder);
	return failed ? refuse(error, "tmpfs on %s", path) : 0;
}

/* The next one that was kept; -1 after the last. */
static int kept(int keeper)
{
	char byte;
	struct iovec data = { &byte, 1 };
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = control.room,
				  .msg_controllen = sizeof(control.room) };
	int folder = -1;

	if (recvmsg(keeper, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != 1)
		return -1;
	const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&folder, CMSG_DATA(header), sizeof(int));
	return folder;
}

/* No larger than it is, with no room for another file. */
static void close_to_more(int folder)
{
#if defined(SYS_fspick) && defined(SYS_fsconfig)
	struct statvfs used;
	char size[32], inodes[32];
	int system = (int)syscall(SYS_fspick, folder, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);

	if (system < 0 || fstatvfs(folder, &used) < 0)
		return;
	/* 0 would be no limit at all. */
	unsigned long long blocks = used.f_blocks - used.f_bfree;
	snprintf(size, sizeof(size), "%llu", (blocks ? blocks : 1) * used.f_frsize);
	snprintf(inodes, sizeof(inodes), "%llu", (unsigned long long)(used.f_files - used.f_ffree));
	syscall(SYS_fsconfig, system, FSCONFIG_SET_STRING, "size", size, 0);
	syscall(SYS_fsconfig, system, FSCONFIG_SET_STRING, "nr_inodes", inodes, 0);
	syscall(SYS_fsconfig, system, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
	close(system);
#else
	(void)folder;
#endif
}

/* Whoever holds it open holds nothing. */
static void remove_file(int folder, const char *name)
{
	int file = openat(folder, name, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (file >= 0)
		close(file);
	unlinkat(folder, name, 0);
}

static bool is_folder(int folder, const struct dirent *entry)
{
	struct stat kind;

	return fstatat(folder, entry->d_name, &kind, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(kind.st_mode);
}

static DIR *open_folder(int folder, const char *name)
{
	int file = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return file < 0 ? NULL : fdopendir(file);
}

static const struct dirent *next_in(DIR *folder)
{
	const struct dirent *entry;

	do
		entry = readdir(folder);
	while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
	return entry;
}

/* Takes everything out of the folder `name` of `top`; folders move up, so that no depth matters. */
static void empty_folder(int top, const char *name)
{
	static unsigned long moved;
	const struct dirent *entry;
	DIR *folder = open_folder(top, name);

	while (folder && (entry = next_in(folder))) {
		char above[32];
		snprintf(above, sizeof(above), ".moved.%lu", moved++);
		if (!is_folder(dirfd(folder), entry))
			remove_file(dirfd(folder), entry->d_name);
		else
			renameat(dirfd(folder), entry->d_name, top, above);
	}
	if (folder)
		closedir(folder);
	unlinkat(top, name, AT_REMOVEDIR);
}

/* Returns whether something was left to do. */
static bool empty_once(int top)
{
	const struct dirent *entry;
	DIR *folder = open_folder(top, ".");
	bool found = false;

	while (folder && (entry = next_in(folder))) {
		found = true;
		if (is_folder(top, entry))
			empty_folder(top, entry->d_name);
		else
			remove_file(top, entry->d_name);
	}
	if (folder)
		closedir(folder);
	return found;
}

/* A file without a name is found by the process that holds it. */
static void truncate_held(const char *process, dev_t device)
{
	char path[64];
	const struct dirent *entry;
	struct stat held;

	snprintf(path, sizeof(path), "/proc/%.16s/fd", process);
	DIR *files = opendir(path);
	while (files && (entry = next_in(files)))
		if (fstatat(dirfd(files), entry->d_name, &held, 0) == 0 && held.st_dev == device && S_ISREG(held.st_mode)) {
			int file = openat(dirfd(files), entry->d_name, O_WRONLY | O_TRUNC | O_NONBLOCK | O_CLOEXEC);
			if (file >= 0)
				close(file);
		}
	if (files)
		closedir(files);
}

static void truncate_all_held(dev_t device)
{
	const struct dirent *entry;
	DIR *processes = opendir("/proc");

	while (processes && (entry = readdir(processes)))
		if (strspn(entry->d_name, "0123456789") == strlen(entry->d_name))
			truncate_held(entry->d_name, device);
	if (processes)
		closedir(processes);
}

static void empty(int top)
{
	struct stat system;

	close_to_more(top);
	for (int pass = 0; pass < MOST_PASSES && empty_once(top); pass++)
		close_to_more(top);
	if (fstat(top, &system) == 0)
		truncate_all_held(system.st_dev);
	close_to_more(top);
}

void sandbox_empty(int keeper)
{
	int folder;

	while ((folder = kept(keeper)) >= 0) {
		empty(folder);
		close(folder);
	}
	close(keeper);
}
