/*
 * Inside a sandbox there is no Slurm and no other node: whatever starts work or sends messages
 * elsewhere is replaced by a stand-in, wherever the job could find it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "sandbox.h"

static const char *const replaced[] = { "srun",	   "mpirun",   "mpiexec",  "orterun",  "prun",
					"sbatch",  "salloc",   "scancel",  "scontrol", "sbcast",
					"sattach", "strigger", "sacctmgr", "mail",     "mailx",
					"sendmail" };

/* Searched after the job's own PATH: a script may name a launcher by its full path. */
#define USUAL_FOLDERS "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int replace(const struct sandbox *wish, const char *root, const char *folder, int length,
		   const char *name)
{
	char path[PATH_MAX], real[PATH_MAX], target[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%.*s/%s", length, folder, name);
	if (path[0] != '/' || !realpath(path, real))
		return 0;
	snprintf(target, sizeof(target), "%s%s", root, real);
	if (access(target, F_OK) < 0)
		return 0;
	if (mount(wish->standin, target, NULL, MS_BIND, NULL) < 0)
		return refuse(errno, "stand-in for %s", real);
	return 0;
}

static int replace_along(const struct sandbox *wish, const char *root, const char *folders)
{
	while (folders && *folders) {
		int length = (int)strcspn(folders, ":");
		for (size_t which = 0; which < sizeof(replaced) / sizeof(*replaced); which++)
			if (replace(wish, root, folders, length, replaced[which]))
				return -1;
		folders += length + (folders[length] == ':');
	}
	return 0;
}

int sandbox_standins(const struct sandbox *wish, const char *root)
{
	if (access(wish->standin, X_OK) < 0)
		return refuse(errno, "%s", wish->standin);
	return replace_along(wish, root, wish->path) || replace_along(wish, root, USUAL_FOLDERS) ? -1 : 0;
}
