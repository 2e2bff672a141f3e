/*
 * What a shadow's program sees of its job: its own submission has put other values in their place, and the
 * agent sends the right ones along under other names.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "parts.h"

#define LIMIT_PREFIX "SLURM_RLIMIT_"
#define UMASK "SLURM_UMASK"

/* The limits that change what a program does. Those that count a user's processes are the sandbox's, and so are
 * core dumps. */
static const struct {
	const char *variable;
	int resource;
} limits[] = {
	{ LIMIT_PREFIX "CPU", RLIMIT_CPU },	    { LIMIT_PREFIX "FSIZE", RLIMIT_FSIZE },
	{ LIMIT_PREFIX "DATA", RLIMIT_DATA },	    { LIMIT_PREFIX "STACK", RLIMIT_STACK },
	{ LIMIT_PREFIX "NOFILE", RLIMIT_NOFILE },   { LIMIT_PREFIX "AS", RLIMIT_AS },
	{ LIMIT_PREFIX "MEMLOCK", RLIMIT_MEMLOCK },
};

/* The first variable with this prefix, in a copy that is to be freed. */
static char *first_with(spank_t spank, const char *prefix)
{
	char **environment = NULL;

	if (spank_get_item(spank, S_JOB_ENV, &environment) != ESPANK_SUCCESS || !environment)
		return NULL;
	for (; *environment; environment++)
		if (strncmp(*environment, prefix, strlen(prefix)) == 0)
			return strdup(*environment);
	return NULL;
}

/* One of them, which becomes what its name says; 0 where there is none, or it would not go. */
static int take(spank_t spank, const char *prefix, int is_set)
{
	char *variable = first_with(spank, prefix);
	char *value = variable ? strchr(variable, '=') : NULL;
	int is_done = 0;

	if (value) {
		*value++ = '\0';
		const char *name = variable + strlen(prefix);

		is_done = spank_unsetenv(spank, variable) == ESPANK_SUCCESS;
		if (is_set)
			spank_setenv(spank, name, value, 1);
		else
			spank_unsetenv(spank, name);
	}
	free(variable);
	return is_done;
}

/* Slurm has taken the submission's already, before its task's environment was there. */
static void apply_umask(spank_t spank)
{
	char text[16];

	if (spank_getenv(spank, UMASK, text, sizeof(text)) == ESPANK_SUCCESS)
		umask((mode_t)strtoul(text, NULL, 8) & 0777);
	spank_unsetenv(spank, UMASK);
}

/* As Slurm does: as far as the node's own limit goes. A limit that the user asked for begins with U. */
static void apply_limit(spank_t spank, const char *variable, int resource)
{
	char text[32];
	struct rlimit limit;

	if (spank_getenv(spank, variable, text, sizeof(text)) != ESPANK_SUCCESS)
		return;
	spank_unsetenv(spank, variable);
	if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
		return;
	rlim_t wanted = strtoul(text + (text[0] == 'U'), NULL, 10);
	limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
	/* Where it is refused, what holds is tighter. */
	if (setrlimit((__rlimit_resource_t)resource, &limit) < 0)
		slurm_debug("shadowfit: %s: %m", variable);
}

void clone_restore(spank_t spank)
{
	while (take(spank, SHADOWFIT_SET_PREFIX, 1))
		;
	while (take(spank, SHADOWFIT_UNSET_PREFIX, 0))
		;
	apply_umask(spank);
	for (unsigned which = 0; which < sizeof(limits) / sizeof(*limits); which++)
		apply_limit(spank, limits[which].variable, limits[which].resource);
}
