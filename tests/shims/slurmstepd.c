/*
 * Stands in for slurmstepd: runs the SPANK plugin from the start of a step to its end, with marks, records, arguments and
 * environments of every form, and compares what it has done. Compiled together with the plugin, and with sanitizers; each
 * step has processes of its own, as there.
 *
 * usage: slurmstepd FOLDER     where it lies as shadowfit-sampler, too; prints how many steps there were
 *        slurmstepd overflow   does what a sanitizer must find
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "steps.h"

extern int slurm_spank_init(spank_t spank, int argc, char **argv);
extern int slurm_spank_init_post_opt(spank_t spank, int argc, char **argv);
extern int slurm_spank_task_init_privileged(spank_t spank, int argc, char **argv);
extern int slurm_spank_task_init(spank_t spank, int argc, char **argv);
extern int slurm_spank_task_post_fork(spank_t spank, int argc, char **argv);
extern int slurm_spank_task_exit(spank_t spank, int argc, char **argv);
extern int slurm_spank_exit(spank_t spank, int argc, char **argv);
extern int slurm_spank_job_epilog(spank_t spank, int argc, char **argv);

/* A step that hangs is ended after so many seconds. */
#define PATIENCE_S 60

static void say_error(const char *line)
{
	done("%.200s\n", line);
}

static void show_environment(void)
{
	for (char **at = environment; *at; at++)
		done("%s%s", at == environment ? "" : "|", *at);
	done("\n");
}

/* What a program finds; then what the sanitizer itself needs is there again. */
static void show_limits(void)
{
	struct rlimit files;
	mode_t mask = umask(0);

	getrlimit(RLIMIT_NOFILE, &files);
	rlim_t found = files.rlim_cur;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	done("umask %o, %llu files: ", mask, (unsigned long long)found);
}

/* Ends as the script does. */
static void be_task(void)
{
	slurm_spank_task_init_privileged(NULL, 0, NULL);
	slurm_spank_task_init(NULL, 0, NULL);
	if (step->shows_environment)
		show_limits();
	if (step->id == SLURM_BATCH_SCRIPT)
		done("script\n");
	if (step->shows_environment)
		show_environment();
	free_environment();
	exit(step->task_ends_with);
}

static void give_mark(void)
{
	char *mark = step->mark ? strdup(step->mark) : NULL;

	if (mark)
		option->cb(0, mark, 1);
	free(mark);
}

/* slurmstepd goes on when an optional plugin has failed. */
static void begin(int count, char **settings)
{
	struct rlimit files, none;

	getrlimit(RLIMIT_NOFILE, &files);
	none = files;
	none.rlim_cur = 3;
	if (step->has_no_descriptors)
		setrlimit(RLIMIT_NOFILE, &none);
	int answer = slurm_spank_init_post_opt(NULL, count, settings);
	setrlimit(RLIMIT_NOFILE, &files);
	if (answer)
		done("init_post_opt failed\n");
}

/* Returns how it has ended. */
static int run_task(void)
{
	int status = 0;

	task = fork();
	if (task == 0)
		be_task();
	slurm_spank_task_post_fork(NULL, 0, NULL);
	waitpid(task, &status, 0);
	slurm_spank_task_exit(NULL, 0, NULL);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* From the start of the step to its end; what it leaves allocated is seen then. */
static void be_stepd(void)
{
	char programs[PATH_MAX];
	char *settings[] = { programs, strdup(step->setting) };

	alarm(PATIENCE_S);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	snprintf(programs, sizeof(programs), "programs=%s", folder);
	take_environment();
	if (slurm_spank_init(NULL, 2, settings))
		abort();
	give_mark();
	begin(2, settings);
	int code = run_task();
	slurm_spank_exit(NULL, 2, settings);
	/* Samplers that nobody waits for. */
	while (wait(NULL) > 0)
		;
	if (code != step->task_ends_with)
		done("ended with %d\n", code);
	free_environment();
	free(settings[1]);
	exit(0);
}

/* What was done in the processes of a step, or in one that `act` is. */
static const char *lines_of(void (*act)(void))
{
	static char lines[1 << 16];
	char path[PATH_MAX];
	int status = -1;

	snprintf(path, sizeof(path), "%s/done", folder);
	unlink(path);
	pid_t stepd = fork();
	if (stepd == 0)
		act();
	waitpid(stepd, &status, 0);
	if (status)
		done("slurmstepd ended with %d\n", status);
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? 0 : read(file, lines, sizeof(lines) - 1);
	lines[length > 0 ? length : 0] = '\0';
	if (file >= 0)
		close(file);
	return lines;
}

static int differs(const char *title, const char *found, const char *expected)
{
	if (strcmp(found, expected) == 0)
		return 0;
	fprintf(stderr, "%s:\n--- found\n%s--- expected\n%s", title, found, expected);
	return 1;
}

/* The machine's own do not matter. */
static void set_limits(void)
{
	struct rlimit files = { 1000, 1000 };

	umask(022);
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		abort();
}

/* A step whose record is of another mark than its own. */
static int becomes_a_shadow(const char *mark)
{
	struct step odd = { RIGHT, .setting = "profile=off", .mark = mark };

	step = &odd;
	const char *lines = lines_of(be_stepd);
	return strstr(lines, "sandbox") || strstr(lines, "slurmstepd ended");
}

/* Cut at each byte, and each byte another. */
static int odd_marks_are_none(void)
{
	static const char others[] = "\xff\n:";
	int wrong = 0;

	for (size_t at = 0, size = strlen(MARK); at < size; at++)
		for (size_t which = 0; which < sizeof(others); which++) {
			char mark[] = MARK;
			mark[at] = others[which];
			if (strcmp(mark, MARK) == 0 || !becomes_a_shadow(mark))
				continue;
			fprintf(stderr, "%s is a mark\n", mark);
			wrong++;
		}
	return wrong;
}

static void be_epilog(void)
{
	slurm_spank_job_epilog(NULL, 0, NULL);
	exit(0);
}

/* Its environment is Slurm's, as far as it is there. */
static int epilogs_differ(void)
{
	static const struct {
		const char *job, *cluster, *expected;
	} epilogs[] = {
		{ "7", "tux", "cleared shadowfit_tux_7\n" },	     { "7", "", "cleared shadowfit_cluster_7\n" },
		{ "7", "../[a]*", "cleared shadowfit_cluster_7\n" }, { "x", "tux", "cleared shadowfit_tux_0\n" },
		{ NULL, "tux", "" },
	};
	int wrong = 0;

	for (size_t which = 0; which < sizeof(epilogs) / sizeof(*epilogs); which++) {
		setenv("SLURM_CLUSTER_NAME", epilogs[which].cluster, 1);
		unsetenv("SLURM_JOB_ID");
		if (epilogs[which].job)
			setenv("SLURM_JOB_ID", epilogs[which].job, 1);
		wrong += differs("epilog", lines_of(be_epilog), epilogs[which].expected);
	}
	return wrong;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	int wrong = 0;

	if (name && strcmp(name + 1, SHADOWFIT_SAMPLER) == 0) {
		folder = strndup(argv[0], (size_t)(name - argv[0]));
		be_sampler(argv + 1);
		return 0;
	}
	if (argc != 2)
		return 2;
	folder = argv[1];
	if (strcmp(argv[1], "overflow") == 0) {
		const char *text = text_of(3, 'x');
		return text[atoi("4")];
	}
	on_error = say_error;
	set_limits();
	make_long_ones();
	for (size_t which = 0; which < STEPS; which++) {
		step = &steps[which];
		wrong += differs(step->title, lines_of(be_stepd), step->expected);
	}
	wrong += odd_marks_are_none() + epilogs_differ();
	printf("%zu steps, %d wrong\n", STEPS, wrong);
	return wrong != 0;
}
