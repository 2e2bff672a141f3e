/*
 * cgroup v2: one group, beside that of the step's task, in the part of the tree that systemd has left to Slurm.
 *
 *     .../NODE_slurmstepd.scope/job_7/step_batch/{slurm,user/{task_0,OURS}}
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroups.h"
#include "lines.h"

/* The share of a shadow's job, slurmstepd included, against the 100 of every other job. */
#define JOB_WEIGHT 2
/* Slurm does not know what runs in there: the step must not be over before that has ended, be it in a call to a file
 * server that does not answer. */
#define CLEAR_S 120
/* What Slurm's scope is called, and in how many slices within each other CgroupSlice may put it. */
#define SCOPE_END "slurmstepd.scope"
#define MOST_SLICES 4

/* Where this process is in the tree; every job is in one group. */
static int own_path(char *path, size_t size)
{
	char line[PATH_MAX] = "";
	FILE *own = fopen("/proc/self/cgroup", "re");
	bool found = false;

	while (own && !found && read_line(own, line, sizeof(line)))
		found = strncmp(line, "0::", 3) == 0;
	if (own)
		fclose(own);
	line[strcspn(line, "\n")] = '\0';
	if (!found || snprintf(path, size, CGROUPS "%s", line + 3) >= (int)size)
		return refuse(0, "/proc/self/cgroup names no group of cgroup v2");
	return 0;
}

/* The path up to the end of its step's name, the last that looks like one; whatever is below may still change. */
static int step_of(char *path)
{
	char *step = NULL;

	for (char *next = strstr(path, "/step_"); next; next = strstr(next + 1, "/step_"))
		step = next;
	if (!step)
		return refuse(0, "Slurm keeps this job in no cgroup of its own: %s", path);
	step[1 + strcspn(step + 1, "/")] = '\0';
	return 0;
}

static void leave_last_part(char *path)
{
	char *last = strrchr(path, '/');

	if (last)
		*last = '\0';
}

/* Slurm hands down what it limits itself, cpuset, cpu and memory, and a shadow needs more: from the scope, which systemd
 * has left to Slurm with all that it has, to the folder of the step's tasks. What is refused, or is there already, shows
 * where it is used. */
static void hand_down(const char *scope, const char *job, const char *step, const char *tasks)
{
	const char *const ways[] = { scope, job, step, tasks };

	for (size_t which = 0; which < sizeof(ways) / sizeof(*ways); which++) {
		cgroup_write(ways[which], "cgroup.subtree_control", "+pids");
		cgroup_write(ways[which], "cgroup.subtree_control", "+io");
	}
}

/* Best effort: a disk that knows no limit is no way out of the sandbox. */
static void limit_disk(const char *group, const char *disk, uint64_t bytes_per_s)
{
	char line[120];
	unsigned long long rate = bytes_per_s;

	snprintf(line, sizeof(line), "%s rbps=%llu wbps=%llu", disk, rate, rate);
	cgroup_write(group, "io.max", line);
}

static int limit(const char *job, const char *group, const struct sandbox *wish)
{
	char text[64];

	if (cgroup_set(group, "memory.max", wish->memory_bytes) || cgroup_set(group, "pids.max", wish->pids))
		return -1;
	/* What follows saves live jobs some speed; without it the scheduling class has to do. */
	cgroup_write(group, "memory.swap.max", "0");
	snprintf(text, sizeof(text), "%d %d", PERIOD_US, PERIOD_US);
	cgroup_write(group, "cpu.max", text);
	cgroup_write(group, "cpu.idle", "1");
	snprintf(text, sizeof(text), "%d", JOB_WEIGHT);
	cgroup_write(job, "cpu.weight", text);
	cgroup_each_disk(limit_disk, group, wish->io_bytes_per_s);
	return 0;
}

int cgroup_v2_own(const struct sandbox *wish)
{
	static char step[PATH_MAX], job[PATH_MAX], scope[PATH_MAX], tasks[PATH_MAX], group[PATH_MAX];

	if (own_path(step, sizeof(step)) || step_of(step))
		return -1;
	memcpy(job, step, sizeof(job));
	leave_last_part(job);
	memcpy(scope, job, sizeof(scope));
	leave_last_part(scope);
	if (snprintf(tasks, sizeof(tasks), "%s/user", step) >= PATH_MAX ||
	    snprintf(group, sizeof(group), "%s/user/%s", step, wish->name) >= PATH_MAX)
		return refuse(ENAMETOOLONG, "cgroup of the shadow");
	if (access(tasks, F_OK) < 0)
		return refuse(errno, "%s", tasks);
	hand_down(scope, job, step, tasks);
	if (mkdir(group, 0755) < 0 && errno != EEXIST)
		return refuse(errno, "%s", group);
	if (limit(job, group, wish) == 0 && cgroup_enter(group) == 0)
		return 0;
	rmdir(group);
	return -1;
}

/* Its name begins with the node's where several nodes may be on one machine. */
static bool is_scope(const char *name)
{
	size_t length = strlen(name), end = sizeof(SCOPE_END) - 1;

	return length >= end && strcmp(name + length - end, SCOPE_END) == 0;
}

static void clear_in_scope(const char *scope, const char *name, unsigned *looks)
{
	char pattern[PATH_MAX];

	if (snprintf(pattern, sizeof(pattern), "%s/*/step_*/user/%s", scope, name) < (int)sizeof(pattern))
		cgroup_clear(pattern, looks);
}

/* Slices may be nested, and a user may have one of his own: what he makes there is as much as he likes, and none of Slurm's. */
static void clear_in_slice(const char *slice, unsigned depth, const char *name, unsigned *looks)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *entries = opendir(slice);

	while (entries && (entry = readdir(entries))) {
		/* Most of what there is are files. */
		bool may_be_folder = entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;
		if (!may_be_folder || entry->d_name[0] == '.' ||
		    snprintf(path, sizeof(path), "%s/%s", slice, entry->d_name) >= (int)sizeof(path) ||
		    !cgroup_is_roots(path))
			continue;
		if (is_scope(entry->d_name))
			clear_in_scope(path, name, looks);
		else if (depth < MOST_SLICES)
			clear_in_slice(path, depth + 1, name, looks);
	}
	if (entries)
		closedir(entries);
}

void cgroup_v2_clear(const char *name)
{
	unsigned looks = CGROUP_LOOKS(CLEAR_S);

	clear_in_slice(CGROUPS, 0, name, &looks);
}
