/*
 * The option --shadowfit: "off" as users write it, and the mark of a shadow as the agent does.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>

#include "parts.h"

struct shadow shadow;

/* --shadowfit=shadow:JOB:UNTIL:CPUS:SCRATCH_MIB:PIDS:IO_MIB, as the agent writes it. A user may write it
 * too, and gets a sandbox: nothing of it may give more than Slurm has. */
static int read_shadow(const char *text)
{
	int fields = sscanf(text, "shadow:%31[0-9_]:%lld:%u:%lu:%lu:%lu", shadow.job, &shadow.until,
			    &shadow.cpus, &shadow.scratch_mib, &shadow.pids, &shadow.io_mib);
	if (fields != 6)
		shadow.job[0] = '\0';
	return fields == 6 ? 0 : -1;
}

static int accept_value(int value, const char *text, int remote)
{
	if (text && (strcmp(text, "off") == 0 || read_shadow(text) == 0))
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

int option_register(spank_t spank)
{
	return spank_option_register(spank, &option) == ESPANK_SUCCESS ? 0 : -1;
}

int is_shadow(spank_t spank)
{
	return spank_remote(spank) == 1 && shadow.job[0];
}
