/*
 * The SPANK plugin: gives sbatch the option --shadowfit=off. Slurm itself carries the option to
 * the job_submit plugin.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <slurm/spank.h>

SPANK_PLUGIN(shadowfit, 1);

static int accept_value(int value, const char *text, int remote)
{
	if (text && strcmp(text, "off") == 0)
		return 0;
	slurm_error("shadowfit: --shadowfit=%s: the only value is 'off'", text ? text : "");
	return -1;
}

static struct spank_option option = {
	.name = "shadowfit",
	.arginfo = "off",
	.usage = "keep the resources exactly as requested: shadowfit leaves this job alone",
	.has_arg = 1,
	.val = 0,
	.cb = accept_value,
};

int slurm_spank_init(spank_t spank, int argc, char **argv)
{
	return spank_option_register(spank, &option) == ESPANK_SUCCESS ? 0 : -1;
}
