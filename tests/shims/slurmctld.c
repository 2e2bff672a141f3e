/*
 * Stands in for slurmctld: loads the job_submit plugin a thousand times, each time with submissions of every form.
 * Compiled together with the plugin, and with sanitizers. The core lies beside the program.
 *
 * usage: slurmctld TIMES SCRIPT     prints how many of the submissions with that script were rewritten
 *        slurmctld overflow         does what a sanitizer must find
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "slurm.h"

extern int init(void);
extern int fini(void);
extern int job_submit(job_desc_msg_t *job, uint32_t submit_uid, char **err_msg);

/* As slurmctld shows it to its plugins. */
slurm_conf_t slurm_conf;

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "re");
	char text[65536];

	if (!file)
		abort();
	size_t length = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[length] = '\0';
	return strdup(text);
}

/* What a user may have written where sbatch writes its CPUs: nothing that is no larger number is touched. */
static const char *const odd_lists[] = { "cpu=-1", "cpu=+99", "cpu= 99", "cpu=", "cpu:", "cpu", "cpu=x99", ",cpu=-1",
					 "gres/x:1,cpu=-1" };
#define ODD_LISTS (sizeof(odd_lists) / sizeof(*odd_lists))

static char *odd_variable(size_t which)
{
	char variable[64];

	snprintf(variable, sizeof(variable), "SLURM_TRES_PER_TASK=%s", odd_lists[which]);
	return strdup(variable);
}

/* What sbatch sends of a plain job; every text lies in memory of its own. */
static void plain(job_desc_msg_t *job, const char *script)
{
	memset(job, 0, sizeof(*job));
	job->user_id = 1000;
	job->cpus_per_task = 8;
	job->ntasks_per_node = job->requeue = job->shared = job->pn_min_cpus = NO_VAL16;
	job->num_tasks = job->min_nodes = job->max_nodes = job->time_min = NO_VAL;
	job->min_cpus = job->max_cpus = job->het_job_offset = NO_VAL;
	job->time_limit = 600;
	job->priority = NO_VAL;
	job->pn_min_memory = 65536;
	job->name = strdup("align");
	job->script = read_file(script);
	job->argc = 1;
	job->argv = calloc(2, sizeof(char *));
	job->argv[0] = strdup("align");
	job->licenses = strdup("matlab:1");
	job->tres_per_task = strdup("gres/gpu:1,cpu=8,license/x:1");
	job->env_size = 2 + ODD_LISTS;
	job->environment = calloc(job->env_size, sizeof(char *));
	job->environment[0] = strdup("SLURM_TRES_PER_TASK=cpu:8");
	for (size_t which = 0; which < ODD_LISTS; which++)
		job->environment[1 + which] = odd_variable(which);
	job->work_dir = strdup("/home/alice");
	slurm_conf.job_requeue = 1;
}

static void release(job_desc_msg_t *job)
{
	for (uint32_t at = 0; job->argv && at < job->argc; at++)
		free(job->argv[at]);
	free(job->argv);
	for (uint32_t at = 0; job->spank_job_env && at < job->spank_job_env_size; at++)
		free(job->spank_job_env[at]);
	free(job->spank_job_env);
	for (uint32_t at = 0; job->environment && at < job->env_size; at++)
		free(job->environment[at]);
	free(job->environment);
	char *texts[] = { job->name, job->tres_per_task, job->script, job->licenses, job->work_dir, job->admin_comment,
			  job->account, job->partition, job->comment, job->array_inx, job->mem_per_tres,
			  job->std_in, job->container, job->burst_buffer };
	for (size_t which = 0; which < sizeof(texts) / sizeof(*texts); which++)
		free(texts[which]);
}

/* Replaces a text of a job. */
static void put(char **text, char *other)
{
	free(*text);
	*text = other;
}

#define FORMS 13

/* Form 0 is plain, the others have something odd each. */
static void make(job_desc_msg_t *job, int form, const char *script)
{
	plain(job, script);
	switch (form) {
	case 1:
		release(job);
		memset(job, 0, sizeof(*job));
		break;
	case 2:
		job->pn_min_memory = 8192 | MEM_PER_CPU;
		break;
	case 3:
		put(&job->script, text_of(1 << 17, 'x'));
		break;
	case 4:
		put(&job->name, text_of(300, (char)0xff));
		break;
	case 5:
		free(job->argv[0]);
		free(job->argv);
		job->argv = NULL;
		job->argc = 1000;
		break;
	case 6:
		job->spank_job_env_size = 2;
		job->spank_job_env = calloc(2, sizeof(char *));
		job->spank_job_env[0] = text_of(5000, '=');
		job->spank_job_env[1] = strdup("SPANK__SLURM_SPANK_OPTION_shadowfit_shadowfit=shadow:1:2");
		break;
	case 7:
		job->pn_min_memory = UINT64_MAX - 2;
		job->num_tasks = UINT32_MAX - 3;
		job->cpus_per_task = UINT16_MAX - 3;
		job->min_nodes = job->max_nodes = UINT32_MAX - 3;
		break;
	case 8:
		job->admin_comment = text_of(1 << 20, '{');
		break;
	case 9:
		put(&job->licenses, text_of(1 << 16, ','));
		job->array_inx = text_of(1 << 16, '-');
		break;
	case 10:
		job->comment = text_of(1 << 16, '(');
		job->account = strdup("");
		job->partition = text_of(4000, ',');
		break;
	case 11:
		job->bitflags = CRON_JOB;
		job->deadline = NO_VAL;
		job->dependency = NULL;
		job->mem_per_tres = strdup("gpu:1");
		job->begin_time = (time_t)1 << 40;
		break;
	case 12:
		job->std_in = text_of(1 << 16, '%');
		job->container = strdup("");
		job->burst_buffer = text_of(1 << 16, '\n');
		break;
	default:
		break;
	}
}

/* Wherever the CPUs of a plain job stand, they are the same. */
static int cpus_agree(const job_desc_msg_t *job)
{
	char list[64], variable[64];

	snprintf(list, sizeof(list), "gres/gpu:1,cpu=%u,license/x:1", job->cpus_per_task);
	snprintf(variable, sizeof(variable), "SLURM_TRES_PER_TASK=cpu:%u", job->cpus_per_task);
	int agree = strcmp(job->tres_per_task, list) == 0 && strcmp(job->environment[0], variable) == 0;
	for (size_t which = 0; which < ODD_LISTS; which++) {
		char *before = odd_variable(which);
		agree = agree && strcmp(job->environment[1 + which], before) == 0;
		free(before);
	}
	return agree;
}

/* Whether it was rewritten. */
static int submit(int form, const char *script)
{
	job_desc_msg_t job;
	char *said = NULL;

	make(&job, form, script);
	uint64_t before = job.pn_min_memory;
	job_submit(&job, 1000, &said);
	int rewritten = job.pn_min_memory != before;
	if (form == 0)
		rewritten = rewritten && job.cpus_per_task < 8 && cpus_agree(&job);
	free(said);
	release(&job);
	return rewritten;
}

int main(int argc, char **argv)
{
	int rewritten = 0, times = argc > 2 ? atoi(argv[1]) : 0;

	if (argc == 2 && strcmp(argv[1], "overflow") == 0) {
		char *text = text_of(3, 'x');
		return text[atoi("4")];
	}
	for (int time = 0; time < times; time++) {
		if (init() != SLURM_SUCCESS)
			return 1;
		for (int form = 0; form < FORMS; form++)
			rewritten += submit(form, argv[2]) && form == 0;
		if (fini() != SLURM_SUCCESS)
			return 1;
	}
	printf("%d of %d rewritten\n", rewritten, times);
	return 0;
}
