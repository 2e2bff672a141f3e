/*
 * The option --shadowfit: "off" as users write it, and the mark of a shadow as the agent does.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>

#include "mark.h"
#include "parts.h"

struct shadowfit_mark shadow;

static int accept_value(int value, const char *text, int remote)
{
	if (text && (strcmp(text, SHADOWFIT_OFF) == 0 || mark_read(text, &shadow) == 0))
		return 0;
	slurm_error("shadowfit: --shadowfit=%s: the only value is '" SHADOWFIT_OFF "'", text ? text : "");
	return -1;
}

static struct spank_option option = {
	.name = SHADOWFIT_OPTION,
	.arginfo = SHADOWFIT_OFF,
	.usage = "keep the resources exactly as requested: shadowfit leaves this job alone",
	.has_arg = 1,
	.val = 0,
	.cb = accept_value,
};

int option_register(spank_t spank)
{
	return spank_option_register(spank, &option) == ESPANK_SUCCESS ? 0 : -1;
}

int is_shadow(spank_t spank)
{
	return spank_remote(spank) == 1 && shadow.job[0];
}
