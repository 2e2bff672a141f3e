/*
 * What differs between Slurm releases, and what Slurm exports without declaring it in its public
 * headers. Nothing else in the project names a release.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SHADOWFIT_SLURM_COMPAT_H
#define SHADOWFIT_SLURM_COMPAT_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
/* Declares slurm_info and slurm_error, for all plugins. */
#include <slurm/spank.h>

/* slurmctld frees what a plugin hands it with its own allocator; these are that allocator's. */
extern char *slurm_xstrdup(const char *text);
extern void slurm_xfree(void **pointer);

/* Whether this user may do what only Slurm's own administrator may. Where Slurm does not show its
 * configuration to plugins, that is root alone. */
static inline bool is_trusted(uint32_t uid)
{
	const slurm_conf_t *conf = dlsym(RTLD_DEFAULT, "slurm_conf");

	return uid == 0 || (conf && uid == conf->slurm_user_id);
}

/* What slurmctld knows of one job of this cluster; freed with slurm_free_job_info_msg. */
static inline int load_job(job_info_msg_t **answer, uint32_t job)
{
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(26, 5, 0)
	slurm_step_id_t id = SLURM_STEP_ID_INITIALIZER;

	id.job_id = job;
	return slurm_load_job(answer, id, SHOW_ALL | SHOW_LOCAL);
#else
	return slurm_load_job(answer, job, SHOW_ALL | SHOW_LOCAL);
#endif
}

/* Slurm is to lower the memory of this job while it runs (--mem-update, since 26.05). */
static inline bool gives_memory_back(const job_desc_msg_t *job)
{
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(26, 5, 0)
	return job->mem_update_delay && job->mem_update_delay != NO_VAL16;
#else
	return false;
#endif
}

/* The job's script is run by a container's runtime: of a bundle, or since 23.02 of a container that is there. */
static inline bool runs_in_a_container(const job_desc_msg_t *job)
{
	bool has_bundle = job->container && *job->container;
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(23, 2, 0)
	return has_bundle || (job->container_id && *job->container_id);
#else
	return has_bundle;
#endif
}

/* A job whose script fails is requeued by Slurm itself, and held (--requeue=expedite, since 25.11). */
static inline bool is_expedited(const job_desc_msg_t *job)
{
#ifdef EXPEDITED_REQUEUE
	return job->bitflags != NO_VAL64 && (job->bitflags & EXPEDITED_REQUEUE);
#else
	return false;
#endif
}

/* job_modify learned to explain itself in 23.02. */
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(23, 2, 0)
#define SHADOWFIT_JOB_MODIFY_ERR_MSG , char **err_msg
#else
#define SHADOWFIT_JOB_MODIFY_ERR_MSG
#endif

/* A list of hosts is a pointer, which hid in the name of its type until it showed. */
typedef __typeof__(slurm_hostlist_create(NULL)) shadowfit_hostlist;

#endif
