/*
 * Stands in for sbatch, and for a slurmstepd that is given marks which are none: runs the SPANK plugin many times.
 * Compiled together with the plugin, and with sanitizers.
 *
 * usage: sbatch TIMES SCRIPT INPUT     prints what the plugin told of the input, and how many values of its option it took
 *
 * The server of the file /never/answers does not answer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load_job.h"
#include "slurm.h"

extern int slurm_spank_init(spank_t spank, int argc, char **argv);
extern int slurm_spank_init_post_opt(spank_t spank, int argc, char **argv);
extern int slurm_spank_task_exit(spank_t spank, int argc, char **argv);
extern int slurm_spank_exit(spank_t spank, int argc, char **argv);
extern int slurm_spank_job_epilog(spank_t spank, int argc, char **argv);

static struct spank_option *option;
static int is_remote;
static char told[64];

spank_err_t spank_option_register(spank_t spank, struct spank_option *given)
{
	option = given;
	return ESPANK_SUCCESS;
}

spank_context_t spank_context(void)
{
	return is_remote ? S_CTX_REMOTE : S_CTX_ALLOCATOR;
}

int spank_remote(spank_t spank)
{
	return is_remote;
}

/* A step that is no batch script: its mark is none. */
spank_err_t spank_get_item(spank_t spank, spank_item_t item, ...)
{
	va_list arguments;

	va_start(arguments, item);
	if (item == S_JOB_STEPID || item == S_JOB_ID)
		*va_arg(arguments, uint32_t *) = 7;
	va_end(arguments);
	return item == S_JOB_STEPID || item == S_JOB_ID ? ESPANK_SUCCESS : ESPANK_ERROR;
}

spank_err_t spank_getenv(spank_t spank, const char *name, char *value, int size)
{
	memset(value, 'n', (size_t)size);
	value[size - 1] = '\0';
	return ESPANK_SUCCESS;
}

spank_err_t spank_setenv(spank_t spank, const char *name, const char *value, int overwrite)
{
	return ESPANK_SUCCESS;
}

spank_err_t spank_unsetenv(spank_t spank, const char *name)
{
	return ESPANK_SUCCESS;
}

spank_err_t spank_job_control_setenv(spank_t spank, const char *name, const char *value, int overwrite)
{
	snprintf(told, sizeof(told), "%s", value);
	return ESPANK_SUCCESS;
}

static int answer_for(job_info_msg_t **answer, uint32_t job, uint16_t flags)
{
	return SLURM_ERROR;
}

void slurm_free_job_info_msg(job_info_msg_t *answer)
{
}

/* The names of hosts are not looked at before it is known that a step is a job's. */
shadowfit_hostlist slurm_hostlist_create(const char *hosts)
{
	return NULL;
}

char *slurm_hostlist_shift(shadowfit_hostlist hosts)
{
	return NULL;
}

void slurm_hostlist_destroy(shadowfit_hostlist hosts)
{
}

/* As the plugin asks for a file: in either way. */
static int ask(const char *name, struct stat *file, int flags)
{
	if (strcmp(name, "/never/answers") == 0)
		sleep(20);
	return (int)syscall(SYS_newfstatat, AT_FDCWD, name, file, flags);
}

int stat(const char *restrict name, struct stat *restrict file)
{
	return ask(name, file, 0);
}

int fstatat(int folder, const char *restrict name, struct stat *restrict file, int flags)
{
	return ask(name, file, flags);
}

/* How many of these values are taken. */
static int offer(void)
{
	char *values[] = { strdup("off"), strdup("measure"), strdup(""), strdup("shadow:"), text_of(100000, ':'),
			   strdup("shadow:1:2:3:4:5:6"), strdup("shadow:1:9999999999:1:1:1:1x"),
			   strdup("shadow:11111111111111111111111111111111111111111111111111111111111111:1:1:1:1:1"),
			   strdup("shadow:1:99999999999999999999999:99999999999:9999999999:9999999999:99999999999") };
	int taken = option->cb(0, NULL, is_remote) == 0;

	for (size_t which = 0; which < sizeof(values) / sizeof(*values); which++) {
		taken += option->cb(0, values[which], is_remote) == 0;
		free(values[which]);
	}
	return taken;
}

static void give(const char *text)
{
	char *value = strdup(text);

	option->cb(0, value, is_remote);
	free(value);
}

static int run(int remote)
{
	char *settings[] = { "programs=/nonexistent", "least_uid=99999999999999999999", "profile=off", "=", "" };
	int count = sizeof(settings) / sizeof(*settings);

	is_remote = remote;
	if (!remote)
		told[0] = '\0';
	if (slurm_spank_init(NULL, count, settings))
		abort();
	int taken = offer();
	give("shadow:1:2:3:4:5:6");
	slurm_spank_init_post_opt(NULL, count, settings);
	/* Of a shadow's input nothing is told. */
	if (!remote && told[0])
		abort();
	give("shadow:");
	slurm_spank_init_post_opt(NULL, count, settings);
	slurm_spank_task_exit(NULL, count, settings);
	slurm_spank_exit(NULL, count, settings);
	return taken;
}

int main(int argc, char **argv)
{
	int taken[2] = { 0, 0 }, times = argc > 1 ? atoi(argv[1]) : 0;

	if (times < 1)
		return 2;
	for (int time = 0; time < times; time++)
		for (int remote = 0; remote < 2; remote++)
			taken[remote] += run(remote);
	setenv("SLURM_JOB_ID", "99999999999999999999999", 1);
	setenv("SLURM_CLUSTER_NAME", "../../[a]", 1);
	slurm_spank_job_epilog(NULL, 0, NULL);
	/* What the plugin started and has not waited for would be a zombie of sbatch's. */
	if (waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD)
		abort();
	printf("input %s, options %d and %d\n", told, taken[0] / times, taken[1] / times);
	return 0;
}
