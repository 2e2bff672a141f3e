/*
 * A folder that stands for the tree of cgroup v2: what the kernel does there, as far as the sandbox asks it, and what the
 * sandbox did, a line each.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SHADOWFIT_TESTS_TREE_H
#define SHADOWFIT_TESTS_TREE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCOPE "tree/system.slice/n1_slurmstepd.scope/"
#define USER "job_7/step_batch/user/"
#define NAME "shadowfit_tux_7"
#define GROUP USER NAME "/"

/* What was done, a line each, as seen from Slurm's scope. */
static char done[1 << 14];

static void note(const char *format, ...)
{
	size_t length = strlen(done);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(done + length, sizeof(done) - length, format, arguments);
	va_end(arguments);
}

static const char *from_scope(const char *path)
{
	const char *at = strstr(path, SCOPE);

	return at ? at + strlen(SCOPE) : path;
}

/* The kernel, as far as it is asked. */
static const char *own_cgroup; /* /proc/self/cgroup */
static const char *missing;    /* a file that its groups lack */
static unsigned looks_left;    /* until those that were killed are gone */
static bool are_killed;

static void put(const char *folder, const char *file, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	FILE *opened = fopen(path, "we");
	if (!opened || fputs(text, opened) < 0 || fclose(opened))
		abort();
}

static void make_group(const char *path, const char *processes)
{
	static const char *const files[] = { "memory.max", "memory.swap.max", "pids.max",  "cpu.max",	   "cpu.idle",
					     "cpu.weight", "io.max",	      "cgroup.kill", "cgroup.subtree_control" };

	if (mkdir(path, 0755) < 0)
		abort();
	for (size_t which = 0; which < sizeof(files) / sizeof(*files); which++)
		if (!missing || strcmp(missing, files[which]) != 0)
			put(path, files[which], "");
	if (!missing || strcmp(missing, "cgroup.procs") != 0)
		put(path, "cgroup.procs", processes);
}

static int kernel_mkdir(const char *path, mode_t mode)
{
	struct stat seen;

	(void)mode;
	if (stat(path, &seen) == 0) {
		errno = EEXIST;
		return -1;
	}
	make_group(path, "");
	return 0;
}

static bool is_busy(const char *group)
{
	char path[PATH_MAX];
	struct stat seen;

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	return stat(path, &seen) == 0 && seen.st_size > 0 && !(are_killed && looks_left == 0);
}

static int kernel_rmdir(const char *group)
{
	char gone[PATH_MAX];
	static unsigned number;

	if (is_busy(group)) {
		errno = EBUSY;
		return -1;
	}
	note("removed %s\n", from_scope(group));
	snprintf(gone, sizeof(gone), "gone%u", number++);
	return rename(group, gone);
}

static int kernel_lstat(const char *path, struct stat *seen)
{
	int answer = lstat(path, seen);
	const char *last = strrchr(path, '/');

	seen->st_uid = last && strncmp(last, "/bobs", 5) == 0 ? 1002 : 0;
	return answer;
}

static int kernel_open(const char *path, int flags)
{
	return open(strncmp(path, "/sys/", 5) == 0 ? path + 5 : path, flags);
}

static unsigned bobs_opened; /* folders of his that were looked through */

static DIR *kernel_opendir(const char *path)
{
	bobs_opened += strstr(path, "bobs") != NULL;
	return opendir(strncmp(path, "/sys/", 5) == 0 ? path + 5 : path);
}

static ssize_t kernel_write(int file, const char *text, size_t size)
{
	char link[64], path[PATH_MAX];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
	ssize_t length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		abort();
	path[length] = '\0';
	note("%s %.*s\n", from_scope(path), (int)size, text);
	are_killed |= strstr(path, "/cgroup.kill") != NULL;
	return (ssize_t)size;
}

static int kernel_kill(pid_t pid, int signal)
{
	note("%d ends by %d\n", pid, signal);
	are_killed = true;
	return 0;
}

static unsigned slept;

static int kernel_usleep(useconds_t time)
{
	(void)time;
	slept++;
	looks_left -= are_killed && looks_left > 0;
	return 0;
}

/* fmemopen takes no empty text. */
static FILE *kernel_fopen(const char *path, const char *mode)
{
	if (strncmp(path, "/proc/", 6) != 0)
		return fopen(path, mode);
	return *own_cgroup ? fmemopen((void *)own_cgroup, strlen(own_cgroup), "r") : fopen("/dev/null", "re");
}

#endif
