/*
 * Whether a marked step is a shadow. Anybody can write a mark; what counts is the AdminComment that slurmctld
 * keeps of the job: job_submit repeats the mark there if root or SlurmUser submitted it, and Slurm lets nobody
 * but its administrators write there. So a mark is good for one job, cannot be copied to another, and needs no
 * key on the nodes, whatever a site authenticates its users with.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "parts.h"

static const char *is_for_this_step(spank_t spank)
{
	uint32_t step = 0;
	uid_t uid = 0;

	if (spank_get_item(spank, S_JOB_STEPID, &step) != ESPANK_SUCCESS || step != SLURM_BATCH_SCRIPT)
		return "only a batch script can be one";
	if (spank_get_item(spank, S_JOB_UID, &uid) != ESPANK_SUCCESS || uid == 0 ||
	    uid < settings.least_uid)
		return "its user is root or a user of the system";
	return shadow.until > time(NULL) ? NULL : "its time is over";
}

/* AdminComment as job_submit has written it, from the mark as it arrived here. */
static int is_of_mark(const char *comment)
{
	char expected[sizeof(SHADOWFIT_SHADOW_COMMENT) + sizeof(shadow.job) + SHADOWFIT_MARK_SIZE];

	snprintf(expected, sizeof(expected), SHADOWFIT_SHADOW_COMMENT, shadow.job, option_mark());
	return comment && strcmp(comment, expected) == 0;
}

static const char *is_of_record(const job_info_msg_t *answer, uid_t uid)
{
	const job_info_t *job = answer->record_count == 1 ? answer->job_array : NULL;

	if (!job || job->user_id != uid || !is_of_mark(job->admin_comment))
		return "slurmctld knows of no such shadow";
	return job->restart_cnt ? "it has run already" : NULL;
}

const char *shadow_forged(spank_t spank)
{
	job_info_msg_t *answer = NULL;
	uid_t uid = 0;
	const char *why = is_for_this_step(spank);

	if (why)
		return why;
	spank_get_item(spank, S_JOB_UID, &uid);
	if (load_job(&answer, (uint32_t)own_job(spank)) != SLURM_SUCCESS)
		return "slurmctld does not answer";
	why = is_of_record(answer, uid);
	slurm_free_job_info_msg(answer);
	return why;
}
