/*
 * cgroup v1: a group in each hierarchy whose limits a shadow needs, and a place in Slurm's groups of the others.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroups.h"
#include "lines.h"

/* The least that cpu.shares takes, against the 1024 of everybody else. */
#define LEAST_SHARES 2
/* What takes longer is left to Slurm, which waits for the same processes in its own groups. */
#define CLEAR_S 1

static const char *const controllers[] = { "memory", "pids", "cpu", "cpuacct", "blkio" };
#define CONTROLLERS (sizeof(controllers) / sizeof(*controllers))

/* Best effort: a disk that knows no limit is no way out of the sandbox. */
static void limit_disk(const char *group, const char *disk, uint64_t bytes_per_s)
{
	char line[80];

	snprintf(line, sizeof(line), "%s %llu", disk, (unsigned long long)bytes_per_s);
	cgroup_write(group, "blkio.throttle.read_bps_device", line);
	cgroup_write(group, "blkio.throttle.write_bps_device", line);
}

static int limit(const char *controller, const char *group, const struct sandbox *wish)
{
	if (strcmp(controller, "memory") == 0)
		return cgroup_set(group, "memory.limit_in_bytes", wish->memory_bytes);
	if (strcmp(controller, "pids") == 0)
		return cgroup_set(group, "pids.max", wish->pids);
	if (strcmp(controller, "cpu") == 0)
		return cgroup_set(group, "cpu.shares", LEAST_SHARES) ||
				       cgroup_set(group, "cpu.cfs_period_us", PERIOD_US) ||
				       cgroup_set(group, "cpu.cfs_quota_us", PERIOD_US) ?
			       -1 :
			       0;
	if (strcmp(controller, "blkio") == 0)
		cgroup_each_disk(limit_disk, group, wish->io_bytes_per_s);
	return 0;
}

static bool names(const char *list, const char *end, const char *controller)
{
	size_t length = strlen(controller);

	for (const char *name = list; name < end; name += strcspn(name, ",:") + 1)
		if (strncmp(name, controller, length) == 0 && strchr(",:", name[length]))
			return true;
	return false;
}

/* Where this process is in the hierarchy of `controller`: of "4:memory:/slurm/uid_7" the path. */
static int own_path(const char *controller, char *path)
{
	char line[PATH_MAX + 128];
	FILE *own = fopen("/proc/self/cgroup", "re");
	bool found = false;

	while (own && !found && read_line(own, line, sizeof(line))) {
		const char *list = strchr(line, ':'), *at = list ? strchr(list + 1, ':') : NULL;
		line[strcspn(line, "\n")] = '\0';
		found = at && names(list + 1, at, controller);
		if (found)
			snprintf(path, PATH_MAX, "%s", strcmp(at + 1, "/") == 0 ? "" : at + 1);
	}
	if (own)
		fclose(own);
	return found ? 0 : refuse(0, "no cgroup hierarchy of %s", controller);
}

/* All are found before the first is entered: two controllers may share a hierarchy. */
static int find_groups(const struct sandbox *wish, char groups[CONTROLLERS][PATH_MAX])
{
	char path[PATH_MAX];

	for (size_t which = 0; which < CONTROLLERS; which++) {
		if (own_path(controllers[which], path))
			return -1;
		int length = snprintf(groups[which], PATH_MAX, CGROUPS "/%s%s/%s", controllers[which], path, wish->name);
		if (length >= PATH_MAX)
			return refuse(ENAMETOOLONG, "cgroup of %s", controllers[which]);
	}
	return 0;
}

int cgroup_v1_own(const struct sandbox *wish)
{
	static char groups[CONTROLLERS][PATH_MAX];

	if (find_groups(wish, groups))
		return -1;
	for (size_t which = 0; which < CONTROLLERS; which++) {
		if (mkdir(groups[which], 0755) < 0 && errno != EEXIST)
			return refuse(errno, "%s", groups[which]);
		if (limit(controllers[which], groups[which], wish) || cgroup_enter(groups[which]))
			return -1;
	}
	return 0;
}

static bool is_ours(const char *list, const char *end)
{
	for (size_t which = 0; which < CONTROLLERS; which++)
		if (names(list, end, controllers[which]))
			return true;
	return false;
}

/* One line of /proc/PID/cgroup: "3:cpuset:/slurm/uid_7". */
static void follow_into(int root, const char *line)
{
	char path[PATH_MAX];
	const char *list = strchr(line, ':'), *at = list ? strchr(list + 1, ':') : NULL;

	/* cgroup v2 has an empty list, and hierarchies of nobody's controllers a name. */
	if (!at || at == list + 1 || memchr(list, '=', (size_t)(at - list)) || is_ours(list + 1, at))
		return;
	snprintf(path, sizeof(path), "%.*s%s/cgroup.procs", (int)(at - list - 1), list + 1, at + 1);
	int group = openat(root, path, O_WRONLY | O_CLOEXEC);
	if (group < 0)
		return;
	if (write(group, "0", 1) < 0)
		errno = 0;
	close(group);
}

/* Only now Slurm has put the process outside where it wants its task: cores and devices are limited there. Both
 * descriptors were opened when they could be. Best effort: own groups hold what a shadow must not exceed. */
void sandbox_follow(int outside, int root)
{
	static char text[16384];
	char *rest = NULL;
	ssize_t length = read(outside, text, sizeof(text) - 1);

	text[length > 0 ? length : 0] = '\0';
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		follow_into(root, line);
}

/* The groups of this name, at the top of a hierarchy and below Slurm's steps. */
void cgroup_v1_clear(const char *name)
{
	static const char *const below[] = { "", "slurm*/uid_*/job_*/step_*/", "slurm*/uid_*/job_*/step_*/task_*/" };
	char pattern[PATH_MAX];

	for (size_t which = 0; which < CONTROLLERS * 3; which++) {
		snprintf(pattern, sizeof(pattern), CGROUPS "/%s/%s%s", controllers[which / 3], below[which % 3], name);
		unsigned looks = CGROUP_LOOKS(CLEAR_S);
		cgroup_clear(pattern, &looks);
	}
}
