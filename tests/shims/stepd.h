/*
 * What Slurm gives the SPANK plugin in slurmstepd, for one step of which every answer of Slurm's is said, and what the
 * plugin then has done with it: each thing is a line of a file. The sandbox is none, and the sampler is this program.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SHADOWFIT_TESTS_STEPD_H
#define SHADOWFIT_TESTS_STEPD_H

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../c_shim/sandbox/sandbox.h"
#include "load_job.h"
#include "slurm.h"

#define JOB 7

struct step {
	const char *title;
	/* The step. */
	const char *setting; /* of plugstack.conf, beside the folder of programs */
	const char *mark;    /* --shadowfit, NULL without */
	uint32_t id;
	uid_t uid;
	int lacks; /* an item that Slurm does not tell, or -1 */
	uint64_t memory_mib;
	int argc;
	char **argv;
	const char *const *environment; /* the last is NULL */
	uint32_t node;
	/* slurmctld's record of its job. */
	int does_not_answer;
	uint32_t records;
	uid_t owner;
	const char *comment;
	uint32_t restarts;
	/* What else befalls it. */
	int has_no_descriptors, has_no_sandbox, task_ends_with;
	int shows_wish, shows_environment;

	const char *expected; /* all lines */
};

static const struct step *step;
static char **environment; /* the step's, as the plugin changes it */
static const char *folder; /* of the sampler, and of what was done */

/* One thing that was done. Whoever does it may be any process. */
static void done(const char *format, ...)
{
	char path[PATH_MAX];
	va_list arguments;

	snprintf(path, sizeof(path), "%s/done", folder);
	int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0)
		abort();
	va_start(arguments, format);
	vdprintf(file, format, arguments);
	va_end(arguments);
	close(file);
}

static struct spank_option *option;

spank_err_t spank_option_register(spank_t spank, struct spank_option *given)
{
	option = given;
	return ESPANK_SUCCESS;
}

spank_context_t spank_context(void)
{
	return S_CTX_REMOTE;
}

int spank_remote(spank_t spank)
{
	return 1;
}

static spank_err_t give_argv(int *argc, char ***argv)
{
	*argc = step->argc;
	*argv = step->argv;
	return ESPANK_SUCCESS;
}

static spank_err_t give_groups(gid_t **groups, int *count)
{
	static gid_t own[] = { 100, 200 };

	*groups = own;
	*count = 2;
	return ESPANK_SUCCESS;
}

static pid_t task;

spank_err_t spank_get_item(spank_t spank, spank_item_t item, ...)
{
	spank_err_t answer = ESPANK_SUCCESS;
	va_list arguments;

	if ((int)item == step->lacks)
		return ESPANK_ERROR;
	va_start(arguments, item);
	void *value = va_arg(arguments, void *);
	switch (item) {
	case S_JOB_ID:
		*(uint32_t *)value = JOB;
		break;
	case S_JOB_STEPID:
		*(uint32_t *)value = step->id;
		break;
	case S_JOB_NODEID:
		*(uint32_t *)value = step->node;
		break;
	case S_JOB_UID:
	case S_JOB_GID:
		*(uid_t *)value = step->uid;
		break;
	case S_JOB_ALLOC_MEM:
		*(uint64_t *)value = step->memory_mib;
		break;
	case S_JOB_ARGV:
		answer = give_argv(value, va_arg(arguments, char ***));
		break;
	case S_JOB_SUPPLEMENTARY_GIDS:
		answer = give_groups(value, va_arg(arguments, int *));
		break;
	case S_JOB_ENV:
		*(char ***)value = environment;
		break;
	case S_TASK_ID:
		*(int *)value = 0;
		break;
	case S_TASK_PID:
		*(pid_t *)value = task;
		break;
	case S_TASK_EXIT_STATUS:
		*(int *)value = step->task_ends_with << 8;
		break;
	default:
		answer = ESPANK_BAD_ARG;
	}
	va_end(arguments);
	return answer;
}

static size_t variables(void)
{
	size_t count = 0;

	while (environment[count])
		count++;
	return count;
}

/* The first variable of this name, or the end of the list. */
static char **variable(const char *name)
{
	size_t length = strlen(name);
	char **at = environment;

	while (*at && (strncmp(*at, name, length) != 0 || (*at)[length] != '='))
		at++;
	return at;
}

spank_err_t spank_getenv(spank_t spank, const char *name, char *value, int size)
{
	const char *found = *variable(name);

	if (!found)
		return ESPANK_ENV_NOEXIST;
	return snprintf(value, (size_t)size, "%s", found + strlen(name) + 1) >= size ? ESPANK_NOSPACE : ESPANK_SUCCESS;
}

spank_err_t spank_unsetenv(spank_t spank, const char *name)
{
	for (char **at = variable(name); *at; at = variable(name)) {
		free(*at);
		memmove(at, at + 1, (size_t)(environment + variables() - at) * sizeof(char *));
	}
	return ESPANK_SUCCESS;
}

spank_err_t spank_setenv(spank_t spank, const char *name, const char *value, int overwrite)
{
	size_t size = strlen(name) + strlen(value) + 2;
	char *text = malloc(size);

	snprintf(text, size, "%s=%s", name, value);
	spank_unsetenv(spank, name);
	size_t count = variables();
	char **longer = realloc(environment, (count + 2) * sizeof(char *));
	if (!longer)
		abort();
	longer[count] = text;
	longer[count + 1] = NULL;
	environment = longer;
	return ESPANK_SUCCESS;
}

/* sbatch's alone. */
spank_err_t spank_job_control_setenv(spank_t spank, const char *name, const char *value, int overwrite)
{
	abort();
}

static void take_environment(void)
{
	size_t count = 0;

	while (step->environment[count])
		count++;
	environment = calloc(count + 1, sizeof(char *));
	for (size_t which = 0; which < count; which++)
		environment[which] = strdup(step->environment[which]);
}

static void free_environment(void)
{
	for (char **at = environment; *at; at++)
		free(*at);
	free(environment);
}

/* The record as it came over the network: each text in memory of its own. */
static int answer_for(job_info_msg_t **answer, uint32_t job, uint16_t flags)
{
	if (step->does_not_answer || job != JOB || flags != (SHOW_ALL | SHOW_LOCAL))
		return SLURM_ERROR;
	*answer = calloc(1, sizeof(**answer));
	(*answer)->record_count = step->records;
	(*answer)->job_array = step->records ? calloc(step->records, sizeof(job_info_t)) : NULL;
	for (uint32_t which = 0; which < step->records; which++) {
		job_info_t *record = &(*answer)->job_array[which];
		record->user_id = step->owner;
		record->restart_cnt = step->restarts;
		record->admin_comment = step->comment ? strdup(step->comment) : NULL;
	}
	return SLURM_SUCCESS;
}

void slurm_free_job_info_msg(job_info_msg_t *answer)
{
	for (uint32_t which = 0; which < answer->record_count; which++)
		free(answer->job_array[which].admin_comment);
	free(answer->job_array);
	free(answer);
}

/* Lists of hosts have commas here, and no brackets. */
shadowfit_hostlist slurm_hostlist_create(const char *hosts)
{
	char **list = malloc(sizeof(char *));

	*list = strdup(hosts);
	return (shadowfit_hostlist)list;
}

char *slurm_hostlist_shift(shadowfit_hostlist hosts)
{
	char *text = *(char **)hosts;
	size_t length = strcspn(text, ",");

	if (!length)
		return NULL;
	char *first = strndup(text, length);
	memmove(text, text + length + (text[length] == ','), strlen(text + length) + (text[length] != ','));
	return first;
}

void slurm_hostlist_destroy(shadowfit_hostlist hosts)
{
	free(*(char **)hosts);
	free((void *)hosts);
}

static void show_wish(const struct sandbox *wish)
{
	done(" for %u:%u+%d, %s %s, PATH %s, HOME %s, servers %s, over %s, memory %llu, scratch %llu, io %llu, pids %u", wish->uid,
	     wish->gid, wish->group_count, wish->script, wish->standin + strlen(folder), wish->path,
	     wish->home ? wish->home : "none", wish->license_servers, wish->overlay_over ? wish->overlay_over : "none",
	     (unsigned long long)wish->memory_bytes, (unsigned long long)wish->scratch_bytes,
	     (unsigned long long)wish->io_bytes_per_s, wish->pids);
}

/* In the place of the sandbox: goes on in the same process, once somebody watches. */
int sandbox_enter(const struct sandbox *wish)
{
	char byte;

	dprintf(wish->report, SHADOWFIT_REPORT_PID " 1\n");
	if (wish->go < 0 || read(wish->go, &byte, 1) != 1 || step->has_no_sandbox) {
		done("no sandbox\n");
		return -1;
	}
	done("sandbox %s", wish->name);
	if (step->shows_wish)
		show_wish(wish);
	done("\n");
	return 0;
}

void sandbox_clear(const char *name)
{
	done("cleared %s\n", name);
}

/* In the place of the sampler: says that it watches, and what it was told until the last who could tell it something has
 * ended. */
static void be_sampler(char **words)
{
	char told[4096] = "", line[8192] = "";
	int report = -1, go = -1;
	size_t length = 0;

	for (; *words; words++) {
		if (strcmp(*words, "--report-fd") == 0)
			report = atoi(*++words);
		else if (strcmp(*words, "--go-fd") == 0)
			go = atoi(*++words);
		else if (strcmp(*words, "--pid") == 0 || strcmp(*words, "--wait-fd") == 0)
			words++;
		/* Nothing, where plugstack.conf says nothing. */
		else if (strcmp(*words, "--config") == 0 && !words[1][0])
			words++;
		else
			snprintf(line + strlen(line), sizeof(line) - strlen(line), " %s", *words);
	}
	/* Without its pipe it has nothing to do. */
	if (report < 0 && strstr(line, "shadow"))
		return;
	if (go >= 0 && write(go, "g", 1) != 1)
		abort();
	for (ssize_t got; report >= 0 && (got = read(report, told + length, sizeof(told) - 1 - length)) > 0;)
		length += (size_t)got;
	told[strcspn(told, "\n")] = '\0';
	done("sampler%s%s%s\n", line, told[0] ? ", told " : "", told);
}

#endif
