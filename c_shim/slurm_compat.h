/*
 * What differs between Slurm releases, and what Slurm exports without declaring it in its public
 * headers. Nothing else in the project names a release.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SHADOWFIT_SLURM_COMPAT_H
#define SHADOWFIT_SLURM_COMPAT_H

#include <stdbool.h>
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
/* Declares slurm_info and slurm_error, for all plugins. */
#include <slurm/spank.h>

/* slurmctld frees what a plugin hands it with its own allocator; these are that allocator's. */
extern char *slurm_xstrdup(const char *text);
extern void slurm_xfree(void **pointer);

/* job_modify learned to explain itself in 23.02. */
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(23, 2, 0)
#define SHADOWFIT_JOB_MODIFY_ERR_MSG , char **err_msg
#else
#define SHADOWFIT_JOB_MODIFY_ERR_MSG
#endif

/* A list of hosts is a pointer, which hid in the name of its type until it showed. */
typedef __typeof__(slurm_hostlist_create(NULL)) shadowfit_hostlist;

#endif
