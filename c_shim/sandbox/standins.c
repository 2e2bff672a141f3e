/*
 * Inside a sandbox there is no Slurm and no other node: whatever starts work or sends messages
 * elsewhere is replaced by a stand-in, wherever the job could find it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox.h"

static const char *const replaced[] = { "srun",		  "mpirun",	    "mpiexec",	     "orterun",
					"prterun",	  "prun",	    "mpirun.openmpi", "mpiexec.openmpi",
					"mpirun.mpich",	  "mpiexec.mpich",  "mpiexec.hydra",  "sbatch",
					"salloc",	  "scancel",	    "scontrol",	     "sbcast",
					"sattach",	  "strigger",	    "sacctmgr",	     "mail",
					"mailx",	  "sendmail" };

/* Searched after the job's own PATH: a script may name a launcher by its full path. */
#define USUAL_FOLDERS "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
/* The stand-in as the sandbox has it: of the overlay, not of the node, and read-only. */
#define STANDIN SHADOWFIT_RUN "/standin"

/* The file itself, where a launcher is a link. */
static int open_as_user(const struct sandbox *wish, int folder, const char *name, int flags)
{
	if (sandbox_as_user(wish))
		return -1;
	int file = sandbox_open(folder, name, O_PATH | flags, 0);
	return sandbox_as_root() ? -1 : file;
}

static int replace(const struct sandbox *wish, int folder, const char *name)
{
	struct stat kind;
	int file = open_as_user(wish, folder, name, 0);

	if (file < 0)
		return 0;
	int failed = fstat(file, &kind) == 0 && S_ISREG(kind.st_mode) && sandbox_cover_file(STANDIN, file) < 0;
	int error = errno;
	close(file);
	return failed ? refuse(error, "stand-in for %s", name) : 0;
}

static int replace_in(const struct sandbox *wish, const char *path)
{
	int folder = path[0] == '/' ? open_as_user(wish, AT_FDCWD, path, O_DIRECTORY) : -1;
	int failed = 0;

	for (size_t which = 0; folder >= 0 && !failed && which < sizeof(replaced) / sizeof(*replaced); which++)
		failed = replace(wish, folder, replaced[which]);
	if (folder >= 0)
		close(folder);
	return failed;
}

static int replace_along(const struct sandbox *wish, const char *path)
{
	char *folders = strdup(path), *rest = NULL;
	int failed = folders ? 0 : refuse(errno, "PATH");

	for (char *folder = strtok_r(folders, ":", &rest); folder && !failed; folder = strtok_r(NULL, ":", &rest))
		failed = replace_in(wish, folder);
	free(folders);
	return failed;
}

int sandbox_standins(const struct sandbox *wish)
{
	if (access(wish->standin, X_OK) < 0 || sandbox_read_only(wish->standin, STANDIN) < 0)
		return refuse(errno, "%s", wish->standin);
	return replace_along(wish, wish->path) || replace_along(wish, USUAL_FOLDERS) ? -1 : 0;
}
