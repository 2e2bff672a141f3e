/*
 * The shadow's start: what Slurm tells of the job becomes the wish for a sandbox.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../sandbox/sandbox.h"
#include "parts.h"

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
/* Of a shadow's memory, for the processes of Slurm's beside it. */
#define SLURMS_BYTES (8 << 20)
/* What a step ends with that was refused. */
#define REFUSED 125

static const char *forged; /* why this marked step is no shadow */

unsigned long own_job(spank_t spank)
{
	uint32_t job = 0;

	spank_get_item(spank, S_JOB_ID, &job);
	return job;
}

/* The same name in slurmstepd and, after a restart, in the epilog. The cluster's name comes from the
 * job's environment, and becomes part of a path, and of a pattern, only if it is one. */
static void group_name(char *name, const char *cluster, unsigned long job)
{
	int is_name = cluster && *cluster && !cluster[strspn(cluster, NAME_CHARACTERS)];

	snprintf(name, GROUP_SIZE, SHADOWFIT_GROUP_PREFIX "%s_%lu", is_name ? cluster : "cluster", job);
}

/* Empty where the job has no such variable. */
static void job_variable(spank_t spank, const char *name, char *value, int size)
{
	if (spank_getenv(spank, name, value, size) != ESPANK_SUCCESS)
		value[0] = '\0';
}

void shadow_group(spank_t spank, char *name)
{
	char cluster[128];

	job_variable(spank, "SLURM_CLUSTER_NAME", cluster, sizeof(cluster));
	group_name(name, cluster, own_job(spank));
}

void shadow_license_servers(spank_t spank, char *servers)
{
	job_variable(spank, SHADOWFIT_SERVERS_VARIABLE, servers, SERVERS_SIZE);
}

static const char *own_script(spank_t spank)
{
	char **argv = NULL;
	int argc = 0;

	spank_get_item(spank, S_JOB_ARGV, &argc, &argv);
	return argc > 0 ? argv[0] : "";
}

/* Less than Slurm gives: its limit counts slurmstepd, too, and where that one is reached first, the kernel may end
 * slurmstepd and not the shadow. */
static uint64_t own_memory_bytes(spank_t spank)
{
	uint64_t mib = 0;

	spank_get_item(spank, S_JOB_ALLOC_MEM, &mib);
	uint64_t bytes = mib << 20, eighth = bytes / 8;
	return bytes - (eighth < SLURMS_BYTES ? eighth : SLURMS_BYTES);
}

static void describe_user(spank_t spank, struct sandbox *wish)
{
	gid_t *groups = NULL;
	int count = 0;

	spank_get_item(spank, S_JOB_UID, &wish->uid);
	spank_get_item(spank, S_JOB_GID, &wish->gid);
	if (spank_get_item(spank, S_JOB_SUPPLEMENTARY_GIDS, &groups, &count) == ESPANK_SUCCESS && count > 0) {
		wish->groups = groups;
		wish->group_count = count;
	}
}

static void describe(spank_t spank, struct sandbox *wish)
{
	static char name[GROUP_SIZE], standin[PATH_MAX], path[4096], home[PATH_MAX], servers[SERVERS_SIZE];

	shadow_group(spank, name);
	shadow_license_servers(spank, servers);
	snprintf(standin, sizeof(standin), "%s/" SHADOWFIT_STANDIN, settings.programs);
	job_variable(spank, "PATH", path, sizeof(path));
	job_variable(spank, "HOME", home, sizeof(home));
	*wish = (struct sandbox){
		.name = name,
		.script = own_script(spank),
		.standin = standin,
		.path = path,
		.home = home[0] ? home : NULL,
		.license_servers = servers,
		.overlay_over = settings.overlay_over,
		.memory_bytes = own_memory_bytes(spank),
		.scratch_bytes = (uint64_t)shadow.scratch_mib << 20,
		.io_bytes_per_s = (uint64_t)shadow.io_mib << 20,
		.pids = (unsigned)shadow.pids,
		.report = sampler_report_pipe(),
		.go = sampler_go_pipe(),
	};
	describe_user(spank, wish);
}

/* The program must size itself as in its job, though it has one CPU here: for an agent of an earlier release, which does not
 * send along what clone.c restores. */
static void show_cpus_of_job(spank_t spank)
{
	char cpus[16];

	snprintf(cpus, sizeof(cpus), "%u", shadow.cpus);
	spank_setenv(spank, "SLURM_CPUS_PER_TASK", cpus, 1);
	spank_setenv(spank, "SLURM_CPUS_ON_NODE", cpus, 1);
	spank_setenv(spank, "SLURM_JOB_CPUS_PER_NODE", cpus, 1);
}

void shadow_prepare(spank_t spank)
{
	if (is_shadow(spank))
		forged = shadow_forged(spank);
}

const char *shadow_refused(void)
{
	return forged;
}

/* Slurm goes on after an optional plugin has failed: here nothing of a step that is refused may run. */
void shadow_enter(spank_t spank)
{
	struct sandbox wish;

	if (!is_shadow(spank))
		return;
	if (forged) {
		/* Only here the user hears it, as Slurm's own errors of this moment. */
		slurm_error("shadowfit: refused: this is no shadow: %s", forged);
		_exit(REFUSED);
	}
	describe(spank, &wish);
	show_cpus_of_job(spank);
	if (sandbox_enter(&wish) < 0)
		_exit(REFUSED);
}

void shadow_end(spank_t spank)
{
	char group[GROUP_SIZE];

	if (!is_shadow(spank) || forged)
		return;
	/* The sampler reads the last of the counters from the cgroups. */
	sampler_await(spank);
	shadow_group(spank, group);
	sandbox_clear(group);
}

void shadow_clear(void)
{
	char group[GROUP_SIZE];
	const char *job = getenv("SLURM_JOB_ID");

	if (!job)
		return;
	group_name(group, getenv("SLURM_CLUSTER_NAME"), strtoul(job, NULL, 10));
	sandbox_clear(group);
}
