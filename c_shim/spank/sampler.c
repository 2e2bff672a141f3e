/*
 * The sampler's start, and its end: one beside each shadow, one beside each batch script, which sees all
 * the job's steps on that node, and one on each of the job's other nodes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "parts.h"

/* How long the end of a shadow waits for its sampler's report, and that of a job, in milliseconds. */
#define REPORT_TIMEOUT_MS 10000
#define PROFILE_TIMEOUT_MS 2000
/* Files that slurmstepd may have open, where the kernel cannot close all of them at once. */
#define MOST_FILES 65536
/* Room for the name of a host, and for a list of them: it is its user's, and no longer one is read. */
#define HOST_SIZE 256
#define HOSTS_SIZE 8192

/* Whom a sampler is to watch. */
struct start {
	unsigned long job;
	pid_t task;
	uid_t user;
	char servers[SERVERS_SIZE];
	char group[GROUP_SIZE]; /* of a shadow */
	char node[HOST_SIZE]; /* where the batch script does not run: this node's name */
};

static int report[2] = { -1, -1 }; /* lines to the sampler, from the sandbox or from here */
/* From the sampler: one byte for the sandbox once it watches; its end closes with the sampler. */
static int sampler_lives[2] = { -1, -1 };

int sampler_report_pipe(void)
{
	return report[1];
}

int sampler_go_pipe(void)
{
	return sampler_lives[0];
}

/* The batch script of a job that is no shadow. */
static int is_profiled(spank_t spank)
{
	uint32_t step = 0;

	return settings.profiles && spank_remote(spank) == 1 && !is_shadow(spank) &&
	       spank_get_item(spank, S_JOB_STEPID, &step) == ESPANK_SUCCESS &&
	       step == SLURM_BATCH_SCRIPT;
}

int sampler_prepare(spank_t spank)
{
	if (!is_shadow(spank) && !is_profiled(spank))
		return 0;
	if (pipe2(report, O_CLOEXEC) == 0 && pipe2(sampler_lives, O_CLOEXEC) == 0)
		return 0;
	slurm_info("shadowfit: pipe: %m");
	/* A job runs without its sampler, a shadow does not. */
	settings.profiles = 0;
	return is_shadow(spank) ? -1 : 0;
}

/* Host number `index` of a list in the job's environment, as "n[1-4]". */
static int host_of(spank_t spank, const char *variable, uint32_t index, char *host)
{
	static char hosts[HOSTS_SIZE];
	char *name = NULL;

	host[0] = '\0';
	if (spank_getenv(spank, variable, hosts, sizeof(hosts)) != ESPANK_SUCCESS)
		return -1;
	shadowfit_hostlist list = slurm_hostlist_create(hosts);
	if (list)
		name = slurm_hostlist_shift(list);
	for (uint32_t at = 0; name && at < index; at++) {
		free(name);
		name = slurm_hostlist_shift(list);
	}
	if (name)
		snprintf(host, HOST_SIZE, "%s", name);
	free(name);
	if (list)
		slurm_hostlist_destroy(list);
	return host[0] ? 0 : -1;
}

/* The first task of a step on a node where the batch script does not run: its name is put into `here`. The
 * sampler there sees all of the job's steps; a second one ends at once. */
static int is_elsewhere(spank_t spank, char *here)
{
	uint32_t step = SLURM_BATCH_SCRIPT, task = 1, node = 0;
	char first[HOST_SIZE];

	if (!settings.profiles || spank_remote(spank) != 1 || is_shadow(spank))
		return 0;
	spank_get_item(spank, S_JOB_STEPID, &step);
	spank_get_item(spank, S_TASK_ID, &task);
	spank_get_item(spank, S_JOB_NODEID, &node);
	/* The node's number is its place among the step's. */
	return step <= SLURM_MAX_NORMAL_STEP_ID && task == 0 &&
	       host_of(spank, "SLURM_JOB_NODELIST", 0, first) == 0 &&
	       host_of(spank, "SLURM_STEP_NODELIST", node, here) == 0 && strcmp(first, here) != 0;
}

static const char *program(void)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/" SHADOWFIT_SAMPLER, settings.programs);
	return path;
}

/* Of the descriptors here only the ones copied so pass to the program. */
static void pass(int descriptor, char *number, size_t size)
{
	snprintf(number, size, "%d", fcntl(descriptor, F_DUPFD, 10));
}

static void become_sampler_of_shadow(const struct start *start)
{
	char job[32], until[32], input[16], output[16];

	snprintf(job, sizeof(job), "%lu", start->job);
	snprintf(until, sizeof(until), "%lld", shadow.until);
	pass(report[0], input, sizeof(input));
	pass(sampler_lives[1], output, sizeof(output));
	execl(program(), program(), "shadow", "--job", job, "--shadow-of", shadow.job, "--group", start->group,
	      "--until", until, "--license-servers", start->servers, "--report-fd", input, "--go-fd", output,
	      (char *)NULL);
}

/* The option, or the end of all: a sampler of an earlier release knows none. */
static const char *config(void)
{
	return settings.config[0] ? "--config" : NULL;
}

static void become_sampler_of_job(const struct start *start)
{
	char job[32], pid[16], user[16], input[16], output[16];

	snprintf(job, sizeof(job), "%lu", start->job);
	snprintf(pid, sizeof(pid), "%d", start->task);
	snprintf(user, sizeof(user), "%u", start->user);
	pass(report[0], input, sizeof(input));
	/* Its end tells that the sampler has ended; each byte, that it wants to be waited for longer. */
	pass(sampler_lives[1], output, sizeof(output));
	execl(program(), program(), "job", "--job", job, "--pid", pid, "--user", user, "--report-fd", input,
	      "--wait-fd", output, config(), settings.config, (char *)NULL);
}

/* What slurmstepd has as its standard error is the job's output: a sampler writes nothing there, least of all one of another
 * release, which knows other options. */
static void leave_standard_files(void)
{
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* Where slurmstepd has one of them closed, it is that one, and closed again when another program begins. */
	for (int file = 0; file <= 2; file++)
		if (file != nothing)
			dup2(nothing, file);
		else
			fcntl(file, F_SETFD, 0);
}

/* slurmstepd waits for the end of its tasks' output, which must not be held open by a sampler. */
static void close_all(void)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, 3U, ~0U, 0U) == 0)
		return;
#endif
	for (int file = 3; file < MOST_FILES; file++)
		close(file);
}

static void become_sampler_of_node(const struct start *start)
{
	char job[32], pid[16], user[16];

	snprintf(job, sizeof(job), "%lu", start->job);
	snprintf(pid, sizeof(pid), "%d", start->task);
	snprintf(user, sizeof(user), "%u", start->user);
	close_all();
	execl(program(), program(), "node", "--job", job, "--pid", pid, "--user", user, "--node", start->node,
	      config(), settings.config, (char *)NULL);
}

/* Exits only. A grandchild, so that slurmstepd, which waits for all of its children, does not wait for it. */
static void become_sampler(const struct start *start, int of_shadow)
{
	if (fork() != 0)
		_exit(0);
	leave_standard_files();
	if (of_shadow)
		become_sampler_of_shadow(start);
	else if (start->node[0])
		become_sampler_of_node(start);
	else
		become_sampler_of_job(start);
	_exit(127);
}

/* From here on the pipes' other ends close when sandbox and sampler end. A job's end is reported here. */
static void keep_own_ends(int of_shadow)
{
	close(report[0]);
	close(sampler_lives[1]);
	if (of_shadow)
		close(report[1]);
}

/* Nobody's, where Slurm does not tell. */
static uid_t own_user(spank_t spank)
{
	uid_t user = (uid_t)-1;

	spank_get_item(spank, S_JOB_UID, &user);
	return user;
}

static void describe(spank_t spank, struct start *start)
{
	start->job = own_job(spank);
	spank_get_item(spank, S_TASK_PID, &start->task);
	start->user = own_user(spank);
	shadow_license_servers(spank, start->servers);
	shadow_group(spank, start->group);
}

int sampler_start(spank_t spank)
{
	static struct start start;
	int of_shadow = is_shadow(spank);

	if (shadow_refused())
		return 0;
	if (!is_elsewhere(spank, start.node)) {
		start.node[0] = '\0';
		if (!of_shadow && !is_profiled(spank))
			return 0;
	}
	describe(spank, &start);
	pid_t child = fork();
	if (child < 0) {
		slurm_info("shadowfit: fork: %m");
		return of_shadow ? -1 : 0;
	}
	if (child == 0)
		become_sampler(&start, of_shadow);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	if (!start.node[0])
		keep_own_ends(of_shadow);
	return 0;
}

void sampler_report_exit(spank_t spank)
{
	struct pollfd reader = { .fd = report[1] };
	int status = 0;

	/* To a sampler that is gone nothing is reported. */
	if (!is_profiled(spank) || report[1] < 0 || poll(&reader, 1, 0) != 0)
		return;
	if (spank_get_item(spank, S_TASK_EXIT_STATUS, &status) == ESPANK_SUCCESS)
		dprintf(report[1], SHADOWFIT_REPORT_EXIT " %d\n",
			WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/* Until the sampler has ended. What goes wrong is logged as a remark: slurmstepd writes errors into the job's own output. */
static void await_end(int patience_ms)
{
	struct pollfd end = { .fd = sampler_lives[0], .events = POLLIN };
	char byte;

	/* A sandbox that was killed early has left its byte there. */
	do {
		if (poll(&end, 1, patience_ms) == 0)
			slurm_info("shadowfit: the sampler does not end");
	} while (end.revents & POLLIN && read(sampler_lives[0], &byte, 1) == 1);
	close(sampler_lives[0]);
	sampler_lives[0] = -1;
}

void sampler_await(spank_t spank)
{
	if ((!is_shadow(spank) && !is_profiled(spank)) || sampler_lives[0] < 0)
		return;
	if (is_shadow(spank)) {
		await_end(REPORT_TIMEOUT_MS);
		return;
	}
	close(report[1]);
	await_end(PROFILE_TIMEOUT_MS);
}
