/*
 * The slice of the node: cgroups of the shadow's own, below those that Slurm has put its step into: no limit of
 * Slurm's is left. Under cgroup v2 the limits go into the one that Slurm has made for the task.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sched.h>
#include <unistd.h>

#include "sandbox.h"

#define ROOT "/sys/fs/cgroup"
/* The least that cpu.shares takes, against the 1024 of everybody else. */
#define LEAST_SHARES 2
#define PERIOD_US 100000

static const char *const controllers[] = { "memory", "pids", "cpu", "cpuacct", "blkio" };
#define CONTROLLERS (sizeof(controllers) / sizeof(*controllers))

static int write_text(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);
	if (file < 0)
		return -1;
	ssize_t written = write(file, text, strlen(text));
	int error = errno;
	close(file);
	errno = error;
	return written < 0 ? -1 : 0;
}

static int set(const char *group, const char *file, uint64_t value)
{
	char path[PATH_MAX], text[32];

	snprintf(path, sizeof(path), "%s/%s", group, file);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	if (write_text(path, text) < 0)
		return refuse(errno, "%s", path);
	return 0;
}

static int enter(const char *group)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	return write_text(path, "0") < 0 ? refuse(errno, "%s", path) : 0;
}

/* Best effort: a disk that knows no limit is no way out of the sandbox. */
static void limit_disks(const char *group, uint64_t bytes_per_s)
{
	static const char *const files[] = { "blkio.throttle.read_bps_device",
					     "blkio.throttle.write_bps_device" };
	DIR *disks = opendir("/sys/block");
	struct dirent *disk;

	while (disks && (disk = readdir(disks))) {
		char path[PATH_MAX], number[32] = "", line[80];
		if (disk->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/block/%s/dev", disk->d_name);
		int file = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t length = file < 0 ? -1 : read(file, number, sizeof(number) - 1);
		if (file >= 0)
			close(file);
		if (length <= 0)
			continue;
		number[strcspn(number, "\n")] = '\0';
		snprintf(line, sizeof(line), "%s %llu", number, (unsigned long long)bytes_per_s);
		for (int which = 0; which < 2; which++) {
			snprintf(path, sizeof(path), "%s/%s", group, files[which]);
			write_text(path, line);
		}
	}
	if (disks)
		closedir(disks);
}

static int limit(const char *controller, const char *group, const struct sandbox *wish)
{
	if (strcmp(controller, "memory") == 0)
		return set(group, "memory.limit_in_bytes", wish->memory_bytes);
	if (strcmp(controller, "pids") == 0)
		return set(group, "pids.max", wish->pids);
	if (strcmp(controller, "cpu") == 0)
		return set(group, "cpu.shares", LEAST_SHARES) ||
				       set(group, "cpu.cfs_period_us", PERIOD_US) ||
				       set(group, "cpu.cfs_quota_us", PERIOD_US) ?
			       -1 :
			       0;
	if (strcmp(controller, "blkio") == 0)
		limit_disks(group, wish->io_bytes_per_s);
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

	while (own && !found && fgets(line, sizeof(line), own)) {
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
		int length = snprintf(groups[which], PATH_MAX, ROOT "/%s%s/%s", controllers[which], path, wish->name);
		if (length >= PATH_MAX)
			return refuse(ENAMETOOLONG, "cgroup of %s", controllers[which]);
	}
	return 0;
}

static int own_groups(const struct sandbox *wish)
{
	static char groups[CONTROLLERS][PATH_MAX];

	if (find_groups(wish, groups))
		return -1;
	for (size_t which = 0; which < CONTROLLERS; which++) {
		if (mkdir(groups[which], 0755) < 0 && errno != EEXIST)
			return refuse(errno, "%s", groups[which]);
		if (limit(controllers[which], groups[which], wish) || enter(groups[which]))
			return -1;
	}
	return 0;
}

/* cgroup v2: the group that this process is in already. */
static int unified_group(const struct sandbox *wish)
{
	char line[PATH_MAX] = "", group[PATH_MAX + sizeof(ROOT)], path[PATH_MAX + 64], quota[64];
	FILE *own = fopen("/proc/self/cgroup", "re");

	if (!own || !fgets(line, sizeof(line), own) || strncmp(line, "0::", 3) != 0) {
		if (own)
			fclose(own);
		return refuse(0, "/proc/self/cgroup: neither v1 controllers nor one unified group");
	}
	fclose(own);
	line[strcspn(line, "\n")] = '\0';
	snprintf(group, sizeof(group), ROOT "%s", line + 3);
	if (set(group, "memory.max", wish->memory_bytes) || set(group, "pids.max", wish->pids))
		return -1;
	/* These two save the live jobs some speed; without them the scheduling class has to do. */
	snprintf(path, sizeof(path), "%.*s/cpu.max", PATH_MAX, group);
	snprintf(quota, sizeof(quota), "%d %d", PERIOD_US, PERIOD_US);
	write_text(path, quota);
	snprintf(path, sizeof(path), "%.*s/cpu.idle", PATH_MAX, group);
	write_text(path, "1");
	return 0;
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

int sandbox_cgroups(const struct sandbox *wish)
{
	/* A limit that Slurm does not keep either would be the whole node's memory. */
	if (wish->memory_bytes == 0)
		return refuse(0, "Slurm gives this job no memory of its own");
	int unified = access(ROOT "/memory/cgroup.procs", F_OK) != 0;

	if (unified ? unified_group(wish) : own_groups(wish))
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
		kill((pid_t)pid, SIGKILL);
	if (processes)
		fclose(processes);
}

static void clear(const char *group)
{
	for (int tries = 0; tries < 50 && rmdir(group) < 0 && errno == EBUSY; tries++) {
		kill_all(group);
		usleep(20000);
	}
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
void sandbox_clear(const char *name)
{
	static const char *const folders[] = { "", "slurm*/uid_*/job_*/step_*/", "slurm*/uid_*/job_*/step_*/task_*/" };
	char pattern[PATH_MAX];

	for (size_t which = 0; which < CONTROLLERS * 3; which++) {
		glob_t found = { 0 };
		snprintf(pattern, sizeof(pattern), ROOT "/%s/%s%s", controllers[which / 3], folders[which % 3], name);
		if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0)
			for (size_t group = 0; group < found.gl_pathc; group++)
				clear(found.gl_pathv[group]);
		globfree(&found);
	}
}
