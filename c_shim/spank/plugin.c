/*
 * The SPANK plugin, as Slurm calls it. In sbatch it gives the option --shadowfit=off and looks how large the
 * input is that the submission names; Slurm itself carries both to the job_submit plugin. On a node it puts
 * the agent's shadows into their sandbox, starts the sampler beside them, and sees to it that nothing of
 * them stays.
 *
 * plugstack.conf:  optional spank_shadowfit.so [programs=FOLDER] [config=FILE] [profile=off] [least_uid=1000]
 *                                           [overlay_over=TYPE,...]
 * where FOLDER holds shadowfit-sampler and shadowfit-standin, and FILE is the sampler's shadowfit.toml where none lies beside
 * slurm.conf, as on a configless node. Beside each batch job a sampler notes what
 * it does, unless profile=off. Users below least_uid have no shadows. overlay_over names types
 * of file systems that bear an overlay, beside those of the kernel (sandbox/places.c).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hints.h"
#include "parts.h"

SPANK_PLUGIN(shadowfit, 1);

struct settings settings = { .programs = SHADOWFIT_PROGRAMS, .config = "", .profiles = 1,
			     .least_uid = SHADOWFIT_LEAST_UID };

/* What is no number would be 0, and everybody's. */
static void read_least_uid(const char *text)
{
	char *end = NULL;
	unsigned long long uid = strtoull(text, &end, 10);

	if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && uid < (uid_t)-1)
		settings.least_uid = (uid_t)uid;
	else
		slurm_debug("shadowfit: least_uid=%s is passed over", text);
}

static void read_setting(const char *word)
{
	if (strncmp(word, "programs=", 9) == 0)
		settings.programs = word + 9;
	else if (strncmp(word, "config=", 7) == 0)
		settings.config = word + 7;
	else if (strncmp(word, "least_uid=", 10) == 0)
		read_least_uid(word + 10);
	else if (strncmp(word, "overlay_over=", 13) == 0)
		settings.overlay_over = word + 13;
	else if (strcmp(word, "profile=off") == 0)
		settings.profiles = 0;
}

/* Slurm carries this to the job_submit plugin, and not to the job. A shadow's is not asked for, and its names are a user's,
 * while root submits it: not even looked at. */
static void pass_on_input(spank_t spank)
{
	char text[32];
	uint64_t bytes = hints_own_input_bytes();

	snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);
	if (bytes)
		spank_job_control_setenv(spank, SHADOWFIT_INPUT_VARIABLE, text, 1);
}

int slurm_spank_init(spank_t spank, int argc, char **argv)
{
	for (int which = 0; which < argc; which++)
		read_setting(argv[which]);
	return option_register(spank);
}

int slurm_spank_init_post_opt(spank_t spank, int argc, char **argv)
{
	if (spank_context() == S_CTX_ALLOCATOR && !is_marked())
		pass_on_input(spank);
	shadow_prepare(spank);
	return shadow_refused() ? 0 : sampler_prepare(spank);
}

int slurm_spank_task_init_privileged(spank_t spank, int argc, char **argv)
{
	shadow_enter(spank);
	return 0;
}

/* Slurm has written its own environment by now. */
int slurm_spank_task_init(spank_t spank, int argc, char **argv)
{
	if (is_shadow(spank))
		clone_restore(spank);
	return 0;
}

int slurm_spank_task_post_fork(spank_t spank, int argc, char **argv)
{
	return sampler_start(spank);
}

int slurm_spank_task_exit(spank_t spank, int argc, char **argv)
{
	sampler_report_exit(spank);
	shadow_end(spank);
	return 0;
}

int slurm_spank_exit(spank_t spank, int argc, char **argv)
{
	sampler_await(spank);
	return 0;
}

int slurm_spank_job_epilog(spank_t spank, int argc, char **argv)
{
	shadow_clear();
	return 0;
}
