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
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "places.h"
#include "sandbox.h"

/* The system breaks a lease after 45 s, unless somebody has set another time; Slurm drains a node on which the end of a step
 * takes more than 60. */
#define LONGEST_LEASE_S 48
/* Enough for every tree that has at most as many inodes as a scratch file system; somebody outside may go on
 * adding to it, but not for ever. */
#define MOST_PASSES 1000
/* Nothing that is mounted below is entered. */
#define THIS_MOUNT (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV)
/* The scratch space, /run, /dev and /dev/shm. */
#define MOST_TOPS 8
/* An overlay for each of the node's, and those of the tops. */
#define MOST_MOUNTS (MOST_PLACES + MOST_TOPS)

/* The mounts that were made for this sandbox, and no other: what was opened by one of them may be emptied. What
 * the sandbox only shows, as its stand-in, is a file of the node's. */
static uint64_t own_mounts[MOST_MOUNTS];
static size_t own_mount_count;

/* What goes through the socket: one descriptor, and perhaps the numbers of the mounts. */
struct parcel {
	struct msghdr message;
	struct iovec data;
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
};

static struct cmsghdr *prepare(struct parcel *parcel, void *data, size_t size)
{
	memset(parcel, 0, sizeof(*parcel));
	parcel->data = (struct iovec){ data, size };
	parcel->message = (struct msghdr){ .msg_iov = &parcel->data,
					   .msg_iovlen = 1,
					   .msg_control = parcel->control.room,
					   .msg_controllen = sizeof(parcel->control.room) };
	return CMSG_FIRSTHDR(&parcel->message);
}

/* The descriptor outlives the sandbox in the socket. */
static int keep(int keeper, int file, void *data, size_t size)
{
	struct parcel parcel;
	struct cmsghdr *header = prepare(&parcel, data, size);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &file, sizeof(int));
	return sendmsg(keeper, &parcel.message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* The next one that was kept, -1 after the last, and the size of what came with it. */
static int kept(int keeper, void *data, size_t *size)
{
	struct parcel parcel;
	int file = -1;

	prepare(&parcel, data, *size);
	ssize_t length = recvmsg(keeper, &parcel.message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	*size = length < 0 ? 0 : (size_t)length;
	const struct cmsghdr *header = length < 0 ? NULL : CMSG_FIRSTHDR(&parcel.message);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&file, CMSG_DATA(header), sizeof(int));
	return file;
}

int sandbox_tmpfs(const struct sandbox *wish, const char *path, unsigned long flags, const char *options)
{
	if (mount("tmpfs", path, "tmpfs", MS_NOSUID | flags, options) < 0)
		return refuse(errno, "tmpfs on %s", path);
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char byte = 0;
	int failed = folder < 0 || keep(wish->keep, folder, &byte, 1) < 0 || sandbox_note_mount(folder);
	int error = errno;
	if (folder >= 0)
		close(folder);
	return failed ? refuse(error, "tmpfs on %s", path) : 0;
}

/* Where a kernel does not tell, no file is found by its mount, and none is taken for the shadow's. Files of the
 * whole node are asked: no server is, which may not answer. */
static bool mount_of(int file, uint64_t *mount)
{
	struct statx seen;

	if (statx(file, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &seen) < 0 || !(seen.stx_mask & STATX_MNT_ID))
		return false;
	*mount = seen.stx_mnt_id;
	return true;
}

int sandbox_note_mount(int file)
{
	if (own_mount_count == MOST_MOUNTS)
		return refuse(0, "more than %d mounts of its own", MOST_MOUNTS);
	own_mount_count += mount_of(file, &own_mounts[own_mount_count]);
	return 0;
}

int sandbox_keep_mounts(const struct sandbox *wish)
{
	int space = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int failed = space < 0 || keep(wish->keep, space, own_mounts, own_mount_count * sizeof(*own_mounts)) < 0;
	int error = errno;

	if (space >= 0)
		close(space);
	return failed ? refuse(error, "the sandbox could not be kept in sight") : 0;
}

/* No larger than it is, with room for `more` files. */
static void close_to_more(int folder, unsigned more)
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
	snprintf(inodes, sizeof(inodes), "%llu", (unsigned long long)(used.f_files - used.f_ffree + more));
	syscall(SYS_fsconfig, system, FSCONFIG_SET_STRING, "size", size, 0);
	syscall(SYS_fsconfig, system, FSCONFIG_SET_STRING, "nr_inodes", inodes, 0);
	syscall(SYS_fsconfig, system, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
	close(system);
#else
	(void)folder;
	(void)more;
#endif
}

/* Whoever holds it open holds nothing. */
static void remove_file(int folder, const char *name)
{
	int file = sandbox_open(folder, name, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK, THIS_MOUNT);

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
	int file = sandbox_open(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, THIS_MOUNT);

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

/* What the shadow's file systems were, for the end. Its mounts last as long as `space` is open, and the tops' as
 * long as these: until then their numbers are nobody else's. */
struct remains {
	int tops[MOST_TOPS];
	size_t top_count;
	uint64_t mounts[MOST_MOUNTS];
	size_t mount_count;
	int space;
};

static bool is_of(const struct remains *remains, int file)
{
	uint64_t mount;

	if (!mount_of(file, &mount))
		return false;
	for (size_t which = 0; which < remains->mount_count; which++)
		if (remains->mounts[which] == mount)
			return true;
	return false;
}

static bool is_regular(int file)
{
	struct stat kind;

	return fstat(file, &kind) == 0 && S_ISREG(kind.st_mode);
}

/* Something of it could not be emptied yet, since its holder has a lease on it. */
static bool is_put_off;

/* A lease is broken in a time that the system sets, and a file of root's gets no new one. */
static void truncate_held_file(int held)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", held);
	int file = open(path, O_WRONLY | O_TRUNC | O_NONBLOCK | O_CLOEXEC);
	if (file >= 0)
		close(file);
	else if (errno == EWOULDBLOCK)
		is_put_off = fchownat(held, "", 0, 0, AT_EMPTY_PATH) == 0 || is_put_off;
}

/* The file is opened once and judged by that: its holder may put another in its place at any time. */
static void truncate_if_of(const struct remains *remains, int folder, const char *name)
{
	int held = openat(folder, name, O_PATH | O_CLOEXEC);

	if (held < 0)
		return;
	if (is_of(remains, held) && is_regular(held))
		truncate_held_file(held);
	close(held);
}

/* A file without a name is found by the process that has it open, or mapped. */
static void truncate_held(const struct remains *remains, const char *process, const char *how)
{
	char path[64];
	const struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%.16s/%s", process, how);
	DIR *files = opendir(path);
	while (files && (entry = next_in(files)))
		truncate_if_of(remains, dirfd(files), entry->d_name);
	if (files)
		closedir(files);
}

static void truncate_all_held(const struct remains *remains)
{
	const struct dirent *entry;
	DIR *processes = remains->mount_count ? opendir("/proc") : NULL;

	while (processes && (entry = readdir(processes)))
		if (strspn(entry->d_name, "0123456789") == strlen(entry->d_name)) {
			truncate_held(remains, entry->d_name, "fd");
			truncate_held(remains, entry->d_name, "map_files");
		}
	if (processes)
		closedir(processes);
}

static time_t seconds_now(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* The least size is a page: something has to be in it. */
static void fill_last_page(int top)
{
	int file = openat(top, ".last", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	if (file < 0)
		return;
	if (write(file, "", 1) < 0)
		errno = 0;
	close(file);
}

static void empty(int top)
{
	close_to_more(top, 0);
	for (int pass = 0; pass < MOST_PASSES && empty_once(top); pass++)
		close_to_more(top, 0);
	close_to_more(top, 1);
	fill_last_page(top);
	close_to_more(top, 0);
}

static void receive(int keeper, struct remains *remains)
{
	int file;
	size_t size = sizeof(remains->mounts);

	while ((file = kept(keeper, remains->mounts, &size)) >= 0) {
		if (size % sizeof(*remains->mounts) == 0) {
			remains->mount_count = size / sizeof(*remains->mounts);
			remains->space = file;
			return;
		}
		if (remains->top_count < MOST_TOPS)
			remains->tops[remains->top_count++] = file;
		size = sizeof(remains->mounts);
	}
}

void sandbox_empty(int keeper)
{
	static struct remains remains;

	remains = (struct remains){ .space = -1 };
	receive(keeper, &remains);
	time_t end = seconds_now() + LONGEST_LEASE_S;
	do {
		is_put_off = false;
		truncate_all_held(&remains);
		for (size_t which = 0; which < remains.top_count; which++)
			empty(remains.tops[which]);
	} while (is_put_off && seconds_now() < end && sleep(1) == 0);
	/* Once more what was written between the two. */
	truncate_all_held(&remains);
	for (size_t which = 0; which < remains.top_count; which++)
		close(remains.tops[which]);
	if (remains.space >= 0)
		close(remains.space);
	close(keeper);
}
