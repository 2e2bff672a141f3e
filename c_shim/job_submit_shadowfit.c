/*
 * The job_submit plugin: copies a job's request out of Slurm's struct, asks the core, copies the
 * answer back. It decides nothing, and whatever is wrong, the job passes as the user wrote it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core_load.h"
#include "slurm_compat.h"

const char plugin_name[] = "shadowfit: requests what the job really needs";
const char plugin_type[] = "job_submit/shadowfit";
const uint32_t plugin_version = SLURM_VERSION_NUMBER;

static struct shadowfit_core core;

static void write_log(const struct shadowfit_answer *answer)
{
	if (answer->actions & SHADOWFIT_LOG)
		slurm_error("shadowfit: %s", answer->log);
}

int init(void)
{
	const char *problem = shadowfit_core_load(&core);

	if (problem) {
		slurm_error("shadowfit: every job passes unchanged: %s", problem);
		return SLURM_SUCCESS;
	}
	static struct shadowfit_answer answer;
	core.open(&answer);
	write_log(&answer);
	slurm_info("shadowfit: loaded");
	return SLURM_SUCCESS;
}

int fini(void)
{
	return SLURM_SUCCESS;
}

static uint64_t number16(uint16_t value)
{
	return value == NO_VAL16 || value == INFINITE16 ? SHADOWFIT_UNSET : value;
}

static uint64_t number32(uint32_t value)
{
	return value == NO_VAL || value == INFINITE ? SHADOWFIT_UNSET : value;
}

static bool names_gpu_memory(const char *tres)
{
	return tres && *tres;
}

/* Where neither user nor script said, the site's JobRequeue counts. A Slurm that does not show it
 * to us may have switched it off, so then it is off. */
static bool may_requeue(const job_desc_msg_t *job)
{
	if (job->requeue != NO_VAL16)
		return job->requeue != 0;
	const slurm_conf_t *conf = dlsym(RTLD_DEFAULT, "slurm_conf");
	return conf && conf->job_requeue;
}

/* A job that is to start at a certain time, or has to end by one, is not to be delayed for a shadow. */
static bool cannot_wait(const job_desc_msg_t *job)
{
	bool has_deadline = job->deadline && job->deadline != NO_VAL;

	return job->begin_time > time(NULL) || has_deadline || (job->reservation && *job->reservation) ||
	       job->immediate == 1;
}

/* Others of its kind will have started before. */
static bool starts_later(const job_desc_msg_t *job)
{
	return job->priority == 0 || job->begin_time > time(NULL);
}

/* sbatch names the empty file where the user names none. */
static bool reads_a_file(const job_desc_msg_t *job)
{
	return job->std_in && *job->std_in && strcmp(job->std_in, "/dev/null") != 0;
}

/* slurmd gives this to batch scripts; a shell of salloc or srun --pty has somebody before it. */
static bool comes_from_a_job(const job_desc_msg_t *job)
{
	for (uint32_t which = 0; job->environment && which < job->env_size; which++)
		if (job->environment[which] && strcmp(job->environment[which], "ENVIRONMENT=BATCH") == 0)
			return true;
	return false;
}

static bool asks_for_gpus(const job_desc_msg_t *job)
{
	const char *const tres[] = { job->tres_per_job, job->tres_per_node, job->tres_per_socket,
				     job->tres_per_task };

	for (size_t which = 0; which < sizeof(tres) / sizeof(*tres); which++)
		if (tres[which] && strstr(tres[which], "gpu"))
			return true;
	return false;
}

/* As sbatch counts them where the user did not. */
static uint64_t tasks_of(const job_desc_msg_t *job)
{
	bool by_node = job->ntasks_per_node != NO_VAL16 && job->ntasks_per_node;
	bool has_nodes = job->min_nodes != NO_VAL && job->min_nodes;

	if (job->num_tasks != NO_VAL)
		return job->num_tasks;
	return (uint64_t)(by_node ? job->ntasks_per_node : 1) * (has_nodes ? job->min_nodes : 1);
}

/* Slurm allots what is the most of these; fewer CPUs for each task would change nothing but what is said of them. */
static bool has_cpus_beyond_its_tasks(const job_desc_msg_t *job)
{
	uint64_t each = job->cpus_per_task == NO_VAL16 ? 1 : job->cpus_per_task;
	bool more_on_a_node = job->pn_min_cpus != NO_VAL16 && job->pn_min_cpus > each;
	bool more_in_all = job->min_cpus != NO_VAL && job->min_cpus > each * tasks_of(job);

	return more_on_a_node || more_in_all;
}

static uint32_t traits_of(const job_desc_msg_t *job)
{
	uint32_t traits = 0;

	/* Only "may share" and "the site decides" leave the rest of the node to others. */
	if (job->shared != NO_VAL16 && job->shared != JOB_SHARED_OK)
		traits |= SHADOWFIT_EXCLUSIVE;
	if (job->het_job_offset != NO_VAL)
		traits |= SHADOWFIT_HETEROGENEOUS;
	if (names_gpu_memory(job->mem_per_tres))
		traits |= SHADOWFIT_MEM_PER_GPU;
	if (may_requeue(job))
		traits |= SHADOWFIT_REQUEUEABLE;
	if (cannot_wait(job))
		traits |= SHADOWFIT_CANNOT_WAIT;
	if (job->time_min != NO_VAL && job->time_min != 0)
		traits |= SHADOWFIT_OWN_TIME_MIN;
	if (asks_for_gpus(job))
		traits |= SHADOWFIT_GPUS;
	if (has_cpus_beyond_its_tasks(job))
		traits |= SHADOWFIT_OWN_CPUS;
	if (gives_memory_back(job))
		traits |= SHADOWFIT_OWN_MEMORY;
	if (job->bitflags != NO_VAL64 && (job->bitflags & CRON_JOB))
		traits |= SHADOWFIT_CRON;
	if (is_expedited(job))
		traits |= SHADOWFIT_EXPEDITED;
	if (starts_later(job))
		traits |= SHADOWFIT_LATER;
	if (reads_a_file(job))
		traits |= SHADOWFIT_OWN_INPUT;
	if (runs_in_a_container(job))
		traits |= SHADOWFIT_CONTAINER;
	if (job->burst_buffer && *job->burst_buffer)
		traits |= SHADOWFIT_BURST_BUFFER;
	if (comes_from_a_job(job))
		traits |= SHADOWFIT_FROM_A_JOB;
	return traits;
}

static void copy_memory(const job_desc_msg_t *job, struct shadowfit_request *request)
{
	request->memory_per_node_mib = SHADOWFIT_UNSET;
	request->memory_per_cpu_mib = SHADOWFIT_UNSET;
	if (job->pn_min_memory == NO_VAL64 || job->pn_min_memory == INFINITE64)
		return;
	if (job->pn_min_memory & MEM_PER_CPU)
		request->memory_per_cpu_mib = job->pn_min_memory & ~MEM_PER_CPU;
	else
		request->memory_per_node_mib = job->pn_min_memory;
}

static void copy_request(const job_desc_msg_t *job, uint32_t submit_uid, struct shadowfit_request *request)
{
	memset(request, 0, sizeof(*request));
	request->uid = job->user_id == NO_VAL ? submit_uid : job->user_id;
	request->traits = traits_of(job) | (is_trusted(submit_uid) ? SHADOWFIT_TRUSTED : 0);
	request->account = job->account;
	request->partition = job->partition;
	request->name = job->name;
	request->script = job->script;
	request->argv = (const char *const *)job->argv;
	request->argc = job->argv ? job->argc : 0;
	request->admin_comment = job->admin_comment;
	request->licenses = job->licenses;
	request->spank_env = (const char *const *)job->spank_job_env;
	request->spank_env_count = job->spank_job_env ? job->spank_job_env_size : 0;
	copy_memory(job, request);
	request->cpus_per_task = number16(job->cpus_per_task);
	request->tasks = number32(job->num_tasks);
	request->tasks_per_node = number16(job->ntasks_per_node);
	request->min_nodes = number32(job->min_nodes);
	request->max_nodes = number32(job->max_nodes);
	request->time_limit_min = number32(job->time_limit);
	request->comment = job->comment;
	request->work_dir = job->work_dir;
	request->array = job->array_inx;
}

/* The CPUs in a list such as "cpu=4,gres/gpu:1". Fewer never need more room than there is: the list is whatever its user
 * wrote, and is checked by nobody. One that an outer job left behind may have fewer already. */
static void lower_listed_cpus(char *list, uint16_t cpus)
{
	char number[8];
	size_t size = (size_t)snprintf(number, sizeof(number), "%u", cpus);

	for (char *entry = list; entry; entry = strchr(entry, ',')) {
		entry += *entry == ',';
		if (strncmp(entry, "cpu", 3) != 0 || (entry[3] != '=' && entry[3] != ':'))
			continue;
		char *begin = entry + 4;
		size_t digits = strspn(begin, "0123456789");
		if (digits < size || strtoul(begin, NULL, 10) <= cpus)
			return;
		memcpy(begin, number, size);
		memmove(begin + size, begin + digits, strlen(begin + digits) + 1);
		return;
	}
}

/* From 24.05 on sbatch has --cpus-per-task in a list, too, and in the job's environment. Some releases take them from
 * there, and each srun of a job whose two figures differ fails. */
static void lower_cpus_in_lists(job_desc_msg_t *job, uint16_t cpus)
{
	static const char name[] = "SLURM_TRES_PER_TASK=";

	lower_listed_cpus(job->tres_per_task, cpus);
	for (uint32_t which = 0; job->environment && which < job->env_size; which++)
		if (job->environment[which] && strncmp(job->environment[which], name, sizeof(name) - 1) == 0)
			lower_listed_cpus(job->environment[which] + sizeof(name) - 1, cpus);
}

/* sbatch repeats --cpus-per-task in the job's totals; all of them must shrink together. */
static void apply_cpus(job_desc_msg_t *job, uint16_t cpus_per_task)
{
	uint32_t before = job->cpus_per_task;
	uint64_t tasks = tasks_of(job);

	if (job->pn_min_cpus != NO_VAL16 && job->pn_min_cpus > cpus_per_task)
		job->pn_min_cpus = cpus_per_task;
	if (job->min_cpus != NO_VAL && job->min_cpus == before * tasks)
		job->min_cpus = cpus_per_task * tasks;
	if (job->max_cpus != NO_VAL && job->max_cpus == before * tasks)
		job->max_cpus = cpus_per_task * tasks;
	lower_cpus_in_lists(job, cpus_per_task);
	job->cpus_per_task = cpus_per_task;
}

/* What a plugin before us says to the user stays. */
static void notify(char **said, const char *text)
{
	const char *before = *said ? *said : "", *between = *said ? "\n" : "";
	size_t size = strlen(before) + strlen(between) + strlen(text) + 1;
	char *both = malloc(size);

	if (!both)
		return;
	snprintf(both, size, "%s%s%s", before, between, text);
	slurm_xfree((void **)said);
	*said = slurm_xstrdup(both);
	free(both);
}

static void apply(const struct shadowfit_answer *answer, job_desc_msg_t *job, char **err_msg)
{
	if (answer->actions & SHADOWFIT_SET_MEMORY)
		job->pn_min_memory = answer->memory_mib | (job->pn_min_memory & MEM_PER_CPU);
	if (answer->actions & SHADOWFIT_SET_CPUS)
		apply_cpus(job, (uint16_t)answer->cpus_per_task);
	if (answer->actions & SHADOWFIT_SET_TIME_MIN)
		job->time_min = answer->time_min;
	if (answer->actions & SHADOWFIT_SET_TIME_LIMIT)
		job->time_limit = answer->time_min;
	if (answer->actions & SHADOWFIT_SET_LICENSES) {
		slurm_xfree((void **)&job->licenses);
		job->licenses = answer->licenses[0] ? slurm_xstrdup(answer->licenses) : NULL;
	}
	if (answer->actions & SHADOWFIT_SET_COMMENT) {
		slurm_xfree((void **)&job->admin_comment);
		job->admin_comment = slurm_xstrdup(answer->comment);
	}
	if (answer->actions & SHADOWFIT_DELAY)
		job->begin_time = time(NULL) + (time_t)answer->delay_s;
	if ((answer->actions & (SHADOWFIT_NOTIFY_USER | SHADOWFIT_REFUSE)) && err_msg)
		notify(err_msg, answer->text);
}

int job_submit(job_desc_msg_t *job, uint32_t submit_uid, char **err_msg)
{
	struct shadowfit_request request;
	struct shadowfit_answer answer;

	if (!core.decide)
		return SLURM_SUCCESS;
	copy_request(job, submit_uid, &request);
	answer.actions = 0;
	core.decide(&request, &answer);
	write_log(&answer);
	apply(&answer, job, err_msg);
	return answer.actions & SHADOWFIT_REFUSE ? ESLURM_ACCESS_DENIED : SLURM_SUCCESS;
}

int job_modify(job_desc_msg_t *job, void *record, uint32_t submit_uid SHADOWFIT_JOB_MODIFY_ERR_MSG)
{
	/* What a user or admin changes by hand stays as they changed it. */
	return SLURM_SUCCESS;
}
