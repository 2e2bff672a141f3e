/*
 * slurm_load_job as each release declares it, for what a stand-in knows of jobs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SHADOWFIT_TESTS_LOAD_JOB_H
#define SHADOWFIT_TESTS_LOAD_JOB_H

#include "slurm.h"

static int answer_for(job_info_msg_t **answer, uint32_t job, uint16_t flags);

#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(26, 5, 0)
/* In brackets: its name alone is a macro. */
int(slurm_load_job)(job_info_msg_t **answer, slurm_step_id_t id, uint16_t flags)
{
	return answer_for(answer, id.job_id, flags);
}
#else
int slurm_load_job(job_info_msg_t **answer, uint32_t job, uint16_t flags)
{
	return answer_for(answer, job, flags);
}
#endif

#endif
