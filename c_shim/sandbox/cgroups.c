/*
 * The slice of the node: cgroups of the shadow's own, below those that Slurm has put its step into: no limit of
 * Slurm's is left.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroups.h"

int cgroup_write(const char *group, const char *file, const char *text)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", group, file) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	int opened = open(path, O_WRONLY | O_CLOEXEC);
	if (opened < 0)
		return -1;
	ssize_t written = write(opened, text, strlen(text));
	int error = errno;
	close(opened);
	errno = error;
	return written < 0 ? -1 : 0;
}

static int insist(const char *group, const char *file, const char *text)
{
	return cgroup_write(group, file, text) < 0 ? refuse(errno, "%s/%s", group, file) : 0;
}

int cgroup_set(const char *group, const char *file, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return insist(group, file, text);
}

int cgroup_enter(const char *group)
{
	return insist(group, "cgroup.procs", "0");
}

/* Reads "8:0\n" without its newline. */
static bool number_of(const char *disk, char *number, size_t size)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/block/%s/dev", disk);
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? -1 : read(file, number, size - 1);
	if (file >= 0)
		close(file);
	number[length > 0 ? length : 0] = '\0';
	number[strcspn(number, "\n")] = '\0';
	return length > 0;
}

void cgroup_each_disk(void (*limit)(const char *group, const char *disk, uint64_t bytes_per_s), const char *group,
		      uint64_t bytes_per_s)
{
	DIR *disks = opendir("/sys/block");
	struct dirent *disk;
	char number[32];

	while (disks && (disk = readdir(disks)))
		if (disk->d_name[0] != '.' && number_of(disk->d_name, number, sizeof(number)))
			limit(group, number, bytes_per_s);
	if (disks)
		closedir(disks);
}

/* Only CPU time that nobody else wants. RLIMIT_NICE keeps the job from changing that. */
static int be_last(void)
{
	struct sched_param none = { 0 };
	struct rlimit never = { 0, 0 };

	if (setpriority(PRIO_PROCESS, 0, 19) < 0 || sched_setscheduler(0, SCHED_IDLE, &none) < 0 ||
	    setrlimit(RLIMIT_NICE, &never) < 0)
		return refuse(errno, "lowest priority");
	return 0;
}

static bool is_unified(void)
{
	return access(CGROUPS "/memory/cgroup.procs", F_OK) != 0;
}

int sandbox_cgroups(const struct sandbox *wish)
{
	/* A limit that Slurm does not keep either would be the whole node's memory. */
	if (wish->memory_bytes == 0)
		return refuse(0, "Slurm gives this job no memory of its own");
	if (is_unified() ? cgroup_v2_own(wish) : cgroup_v1_own(wish))
		return -1;
	return be_last();
}

static void kill_all(const char *group)
{
	char path[PATH_MAX];
	long pid;

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	FILE *processes = fopen(path, "re");
	while (processes && fscanf(processes, "%ld", &pid) == 1)
		/* One that this name space does not see is shown as 0; what no process has could become -1, which is all of them. */
		if (pid > 0 && pid <= INT_MAX)
			kill((pid_t)pid, SIGKILL);
	if (processes)
		fclose(processes);
}

/* Where the system lets users make groups, one of theirs may have this name. */
bool cgroup_is_roots(const char *group)
{
	struct stat seen;

	return lstat(group, &seen) == 0 && S_ISDIR(seen.st_mode) && seen.st_uid == 0;
}

static void clear(const char *group, unsigned *looks)
{
	while (rmdir(group) < 0 && errno == EBUSY) {
		/* At once, where the kernel can: cgroup v2 since Linux 5.14. */
		if (cgroup_write(group, "cgroup.kill", "1") < 0)
			kill_all(group);
		if (*looks == 0)
			return;
		usleep(CGROUP_LOOK_US);
		--*looks;
	}
}

void cgroup_clear(const char *pattern, unsigned *looks)
{
	glob_t found = { 0 };

	/* systemd's own names hold backslashes. */
	if (glob(pattern, GLOB_NOSORT | GLOB_NOESCAPE, NULL, &found) == 0)
		for (size_t group = 0; group < found.gl_pathc; group++)
			if (cgroup_is_roots(found.gl_pathv[group]))
				clear(found.gl_pathv[group], looks);
	globfree(&found);
}

void sandbox_clear(const char *name)
{
	if (is_unified())
		cgroup_v2_clear(name);
	else
		cgroup_v1_clear(name);
}
