/*
 * The option --shadowfit: "off" and "measure" as users write it, and the mark of a shadow as the agent does.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "mark.h"
#include "parts.h"

struct shadowfit_mark shadow;
static char mark[SHADOWFIT_MARK_SIZE];

/* Who may submit a shadow. slurmctld and the node judge by themselves: this spares everybody else the way. */
static bool is_ours(void)
{
	return is_trusted(getuid());
}

/* On a node the mark is taken as it comes, and proven later. */
static bool takes_mark(const char *text, int remote)
{
	if (strlen(text) >= sizeof(mark) || !(remote || is_ours()) || mark_read(text, &shadow) < 0)
		return false;
	strcpy(mark, text);
	return true;
}

const char *option_mark(void)
{
	return mark;
}

static int accept_value(int value, const char *text, int remote)
{
	if (text && (strcmp(text, SHADOWFIT_OFF) == 0 || strcmp(text, SHADOWFIT_MEASURE) == 0 || takes_mark(text, remote)))
		return 0;
	slurm_error("shadowfit: --shadowfit=%s: the values are '" SHADOWFIT_OFF "' and '" SHADOWFIT_MEASURE "'", text ? text : "");
	return -1;
}

static struct spank_option option = {
	.name = SHADOWFIT_OPTION,
	.arginfo = SHADOWFIT_OFF "|" SHADOWFIT_MEASURE,
	.usage = "off: keep the resources exactly as requested; measure: let a shadow run first",
	.has_arg = 1,
	.val = 0,
	.cb = accept_value,
};

int option_register(spank_t spank)
{
	return spank_option_register(spank, &option) == ESPANK_SUCCESS ? 0 : -1;
}

int is_marked(void)
{
	return shadow.job[0] != '\0';
}

int is_shadow(spank_t spank)
{
	return spank_remote(spank) == 1 && is_marked();
}
