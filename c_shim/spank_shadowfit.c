/*
 * The SPANK plugin. In sbatch it gives the option --shadowfit=off and looks how large the input is that the
 * submission names; Slurm itself carries both to the job_submit plugin. On a node it puts the agent's
 * shadows into their sandbox, starts the sampler beside them, and sees to it that nothing of them stays.
 *
 * plugstack.conf:  optional spank_shadowfit.so [programs=FOLDER] [profile=off]
 * where FOLDER holds shadowfit-sampler and shadowfit-standin. Beside each batch job a sampler notes what
 * it does, unless profile=off.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <slurm/slurm.h>
#include <slurm/spank.h>

#include "hints.h"
#include "sandbox.h"

SPANK_PLUGIN(shadowfit, 1);

/* In a shadow's environment: the license servers that its job may ask, "27000@lic1,27001@10.0.0.7". */
#define LICENSE_SERVERS "SHADOWFIT_LICENSE_SERVERS"
#define DEFAULT_PROGRAMS "/usr/local/libexec/shadowfit"
/* How long the end of a shadow waits for its sampler's report, and that of a job, in milliseconds. */
#define REPORT_TIMEOUT_MS 10000
#define PROFILE_TIMEOUT_MS 2000
/* Files that slurmstepd may have open, where the kernel cannot close all of them at once. */
#define MOST_FILES 65536

/* --shadowfit=shadow:JOB:UNTIL:CPUS:SCRATCH_MIB:PIDS:IO_MIB, as the agent writes it. A user may write it
 * too, and gets a sandbox: nothing of it may give more than Slurm has. */
struct shadow {
	char job[32];    /* whose shadow it is */
	long long until; /* seconds since 1970 */
	unsigned cpus;   /* that the job asked for */
	unsigned long scratch_mib, pids, io_mib;
};

static struct shadow shadow; /* job[0] is 0 in every other job */
static const char *programs = DEFAULT_PROGRAMS;
static int profiles = 1; /* batch jobs are watched */
static int report[2] = { -1, -1 };  /* from the sandbox to the sampler */
/* From the sampler: one byte for the sandbox once it watches; its end closes with the sampler. */
static int sampler_lives[2] = { -1, -1 };

static int read_shadow(const char *text)
{
	int fields = sscanf(text, "shadow:%31[0-9_]:%lld:%u:%lu:%lu:%lu", shadow.job, &shadow.until,
			    &shadow.cpus, &shadow.scratch_mib, &shadow.pids, &shadow.io_mib);
	if (fields != 6)
		shadow.job[0] = '\0';
	return fields == 6 ? 0 : -1;
}

static int accept_value(int value, const char *text, int remote)
{
	if (text && (strcmp(text, "off") == 0 || read_shadow(text) == 0))
		return 0;
	slurm_error("shadowfit: --shadowfit=%s: the only value is 'off'", text ? text : "");
	return -1;
}

static struct spank_option option = {
	.name = "shadowfit",
	.arginfo = "off",
	.usage = "keep the resources exactly as requested: shadowfit leaves this job alone",
	.has_arg = 1,
	.val = 0,
	.cb = accept_value,
};

int slurm_spank_init(spank_t spank, int argc, char **argv)
{
	for (int which = 0; which < argc; which++)
		if (strncmp(argv[which], "programs=", 9) == 0)
			programs = argv[which] + 9;
		else if (strcmp(argv[which], "profile=off") == 0)
			profiles = 0;
	return spank_option_register(spank, &option) == ESPANK_SUCCESS ? 0 : -1;
}

static int is_shadow(spank_t spank)
{
	return spank_remote(spank) == 1 && shadow.job[0];
}

/* The batch script of a job that is no shadow: the sampler beside it sees all the job's steps here. */
static int is_profiled(spank_t spank)
{
	uint32_t step = 0;

	return profiles && spank_remote(spank) == 1 && !shadow.job[0] &&
	       spank_get_item(spank, S_JOB_STEPID, &step) == ESPANK_SUCCESS &&
	       step == SLURM_BATCH_SCRIPT;
}

/* Host number `index` of a list in the job's environment, as "n[1-4]". */
static int host_of(spank_t spank, const char *variable, uint32_t index, char *host, size_t size)
{
	static char hosts[65536];

	host[0] = '\0';
	if (spank_getenv(spank, variable, hosts, sizeof(hosts)) != ESPANK_SUCCESS)
		return -1;
	hostlist_t list = slurm_hostlist_create(hosts);
	char *name = NULL;
	for (uint32_t at = 0; list && at <= index; at++) {
		free(name);
		name = slurm_hostlist_shift(list);
	}
	if (name)
		snprintf(host, size, "%s", name);
	free(name);
	if (list)
		slurm_hostlist_destroy(list);
	return host[0] ? 0 : -1;
}

/* The first task of a step on a node where the batch script does not run: its name is put into `here`. The
 * sampler there sees all of the job's steps; a second one ends at once. */
static int is_elsewhere(spank_t spank, char *here, size_t size)
{
	uint32_t step = SLURM_BATCH_SCRIPT, task = 1, node = 0;
	char first[256];

	if (!profiles || spank_remote(spank) != 1 || shadow.job[0])
		return 0;
	spank_get_item(spank, S_JOB_STEPID, &step);
	spank_get_item(spank, S_TASK_ID, &task);
	spank_get_item(spank, S_JOB_NODEID, &node);
	/* The node's number is its place among the step's. */
	return step <= SLURM_MAX_NORMAL_STEP_ID && task == 0 &&
	       host_of(spank, "SLURM_JOB_NODELIST", 0, first, sizeof(first)) == 0 &&
	       host_of(spank, "SLURM_STEP_NODELIST", node, here, size) == 0 && strcmp(first, here) != 0;
}

/* The same name in slurmstepd and, after a restart, in the epilog. The cluster's name comes from the
 * job's environment, and becomes part of a path only if it is one. */
static void group_name(char *name, size_t size, const char *cluster, unsigned long job)
{
	int is_name = cluster && *cluster && !strpbrk(cluster, "/.");
	snprintf(name, size, "shadowfit_%s_%lu", is_name ? cluster : "cluster", job);
}

static unsigned long own_job(spank_t spank)
{
	uint32_t job = 0;
	spank_get_item(spank, S_JOB_ID, &job);
	return job;
}

/* Slurm carries this to the job_submit plugin, and not to the job. */
static void tell_input(spank_t spank)
{
	char text[32];
	uint64_t bytes = hints_own_input_bytes();

	snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);
	if (bytes)
		spank_job_control_setenv(spank, "SHADOWFIT_INPUT_BYTES", text, 1);
}

int slurm_spank_init_post_opt(spank_t spank, int argc, char **argv)
{
	if (spank_context() == S_CTX_ALLOCATOR)
		tell_input(spank);
	if (!is_shadow(spank) && !is_profiled(spank))
		return 0;
	if (pipe2(report, O_CLOEXEC) < 0 || pipe2(sampler_lives, O_CLOEXEC) < 0) {
		slurm_error("shadowfit: pipe: %m");
		/* A job runs without its sampler, a shadow does not. */
		profiles = 0;
		return is_shadow(spank) ? -1 : 0;
	}
	return 0;
}

static void describe(spank_t spank, struct sandbox *wish)
{
	static char name[160], cluster[128], standin[PATH_MAX], path[4096], home[PATH_MAX],
		servers[2048];
	char **argv = NULL;
	int argc = 0;
	uint64_t memory_mib = 0;

	spank_getenv(spank, "SLURM_CLUSTER_NAME", cluster, sizeof(cluster));
	group_name(name, sizeof(name), cluster, own_job(spank));
	snprintf(standin, sizeof(standin), "%s/shadowfit-standin", programs);
	if (spank_getenv(spank, "PATH", path, sizeof(path)) != ESPANK_SUCCESS)
		path[0] = '\0';
	if (spank_getenv(spank, "HOME", home, sizeof(home)) != ESPANK_SUCCESS)
		home[0] = '\0';
	if (spank_getenv(spank, LICENSE_SERVERS, servers, sizeof(servers)) != ESPANK_SUCCESS)
		servers[0] = '\0';
	spank_get_item(spank, S_JOB_ARGV, &argc, &argv);
	spank_get_item(spank, S_JOB_ALLOC_MEM, &memory_mib);
	*wish = (struct sandbox){
		.name = name,
		.script = argc > 0 ? argv[0] : "",
		.standin = standin,
		.path = path,
		.home = home[0] ? home : NULL,
		.license_servers = servers,
		.memory_bytes = memory_mib << 20,
		.scratch_bytes = (uint64_t)shadow.scratch_mib << 20,
		.io_bytes_per_s = (uint64_t)shadow.io_mib << 20,
		.pids = (unsigned)shadow.pids,
		.report = report[1],
		.go = sampler_lives[0],
	};
}

/* The program must size itself as in its job, though it has one CPU here. */
static void show_cpus_of_job(spank_t spank)
{
	char cpus[16];

	snprintf(cpus, sizeof(cpus), "%u", shadow.cpus);
	spank_setenv(spank, "SLURM_CPUS_PER_TASK", cpus, 1);
	spank_setenv(spank, "SLURM_CPUS_ON_NODE", cpus, 1);
	spank_setenv(spank, "SLURM_JOB_CPUS_PER_NODE", cpus, 1);
}

int slurm_spank_task_init_privileged(spank_t spank, int argc, char **argv)
{
	struct sandbox wish;

	if (!is_shadow(spank))
		return 0;
	describe(spank, &wish);
	show_cpus_of_job(spank);
	return sandbox_enter(&wish);
}

/* Exits only. */
static void become_sampler_of_job(unsigned long own, pid_t task)
{
	char path[PATH_MAX], job[32], pid[16], input[16];

	snprintf(path, sizeof(path), "%s/shadowfit-sampler", programs);
	snprintf(job, sizeof(job), "%lu", own);
	snprintf(pid, sizeof(pid), "%d", task);
	snprintf(input, sizeof(input), "%d", fcntl(report[0], F_DUPFD, 10));
	fcntl(sampler_lives[1], F_DUPFD, 10);
	execl(path, path, "job", "--job", job, "--pid", pid, "--report-fd", input, (char *)NULL);
	_exit(127);
}

static void become_sampler(const char *group, unsigned long own, const char *servers)
{
	char path[PATH_MAX], job[32], until[32], input[16], output[16];

	snprintf(path, sizeof(path), "%s/shadowfit-sampler", programs);
	snprintf(job, sizeof(job), "%lu", own);
	snprintf(until, sizeof(until), "%lld", shadow.until);
	/* Only these two descriptors may pass. */
	snprintf(input, sizeof(input), "%d", fcntl(report[0], F_DUPFD, 10));
	snprintf(output, sizeof(output), "%d", fcntl(sampler_lives[1], F_DUPFD, 10));
	execl(path, path, "shadow", "--job", job, "--shadow-of", shadow.job, "--until", until, "--group", group,
	      "--license-servers", servers, "--report-fd", input, "--go-fd", output, (char *)NULL);
	_exit(127);
}

/* slurmstepd waits for the end of its tasks' output, which must not be held open by a sampler: not even by
 * its standard files, any of which may be an end of a pipe to a task. */
static void close_all(void)
{
	int nothing = open("/dev/null", O_RDWR);

	for (int file = 0; file <= 2; file++)
		dup2(nothing, file);
#ifdef SYS_close_range
	if (syscall(SYS_close_range, 3U, ~0U, 0U) == 0)
		return;
#endif
	for (int file = 3; file < MOST_FILES; file++)
		close(file);
}

/* Exits only. */
static void become_sampler_of_node(unsigned long own, pid_t task, const char *here)
{
	char path[PATH_MAX], job[32], pid[16];

	snprintf(path, sizeof(path), "%s/shadowfit-sampler", programs);
	snprintf(job, sizeof(job), "%lu", own);
	snprintf(pid, sizeof(pid), "%d", task);
	close_all();
	execl(path, path, "node", "--job", job, "--pid", pid, "--node", here, (char *)NULL);
	_exit(127);
}

int slurm_spank_task_post_fork(spank_t spank, int argc, char **argv)
{
	char group[160], cluster[128] = "", servers[2048] = "", here[256];
	pid_t task = 0;
	int elsewhere = is_elsewhere(spank, here, sizeof(here));

	if (!is_shadow(spank) && !is_profiled(spank) && !elsewhere)
		return 0;
	spank_get_item(spank, S_TASK_PID, &task);
	spank_getenv(spank, "SLURM_CLUSTER_NAME", cluster, sizeof(cluster));
	spank_getenv(spank, LICENSE_SERVERS, servers, sizeof(servers));
	unsigned long own = own_job(spank);
	group_name(group, sizeof(group), cluster, own);
	/* A grandchild, so that slurmstepd, which waits for all of its children, does not wait for it. */
	pid_t child = fork();
	if (child < 0) {
		slurm_error("shadowfit: fork: %m");
		return is_shadow(spank) ? -1 : 0;
	}
	if (child == 0) {
		if (fork() != 0)
			_exit(0);
		if (is_shadow(spank))
			become_sampler(group, own, servers);
		if (elsewhere)
			become_sampler_of_node(own, task, here);
		become_sampler_of_job(own, task);
	}
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	if (elsewhere)
		return 0;
	/* From here on the pipes' other ends close when sandbox and sampler end. A job's end is told here. */
	close(report[0]);
	if (is_shadow(spank))
		close(report[1]);
	close(sampler_lives[1]);
	return 0;
}

int slurm_spank_task_exit(spank_t spank, int argc, char **argv)
{
	struct pollfd reader = { .fd = report[1] };
	int status = 0;

	/* A sampler that is gone cannot be told. */
	if (!is_profiled(spank) || report[1] < 0 || poll(&reader, 1, 0) != 0)
		return 0;
	if (spank_get_item(spank, S_TASK_EXIT_STATUS, &status) == ESPANK_SUCCESS)
		dprintf(report[1], "exit %d\n",
			WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	return 0;
}

/* The step must not end before its counters are in AdminComment. */
int slurm_spank_exit(spank_t spank, int argc, char **argv)
{
	if ((!is_shadow(spank) && !is_profiled(spank)) || sampler_lives[0] < 0)
		return 0;
	int patience = REPORT_TIMEOUT_MS;
	if (!is_shadow(spank)) {
		close(report[1]);
		patience = PROFILE_TIMEOUT_MS;
	}
	struct pollfd end = { .fd = sampler_lives[0], .events = POLLIN };
	char byte;
	/* A sandbox that was killed early has left its byte there. */
	do {
		if (poll(&end, 1, patience) == 0)
			slurm_error("shadowfit: the sampler does not end");
	} while (end.revents & POLLIN && read(sampler_lives[0], &byte, 1) == 1);
	close(sampler_lives[0]);
	return 0;
}

/* After whatever killed sampler and slurmstepd: nothing of a shadow stays. */
int slurm_spank_job_epilog(spank_t spank, int argc, char **argv)
{
	char group[160];
	const char *cluster = getenv("SLURM_CLUSTER_NAME"), *job = getenv("SLURM_JOB_ID");

	if (!job)
		return 0;
	group_name(group, sizeof(group), cluster, strtoul(job, NULL, 10));
	sandbox_clear(group);
	return 0;
}
