/*
 * Loading the core. A plugin that cannot be loaded makes slurmctld exit, so the shim links
 * nothing of ours: it looks for the core at run time and can do without it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core_load.h"

static char problem[PATH_MAX + 256];

static const char *core_path(void)
{
	static char path[PATH_MAX];
	Dl_info here;

	if (!dladdr((void *)shadowfit_core_load, &here) || !here.dli_fname)
		return NULL;
	const char *slash = strrchr(here.dli_fname, '/');
	int length = slash ? (int)(slash - here.dli_fname) : 0;
	snprintf(path, sizeof(path), "%.*s/libshadowfit_core.so", length, here.dli_fname);
	return path;
}

const char *shadowfit_core_load(struct shadowfit_core *core)
{
	memset(core, 0, sizeof(*core));
	const char *path = core_path();
	/* Never unloaded: the core may still be executing in another of slurmctld's threads. */
	void *library = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) : NULL;

	if (!library) {
		const char *why = dlerror();
		snprintf(problem, sizeof(problem), "%s", why ? why : "cannot tell where this plugin lies");
		return problem;
	}
	uint32_t (*abi)(void) = (uint32_t (*)(void))dlsym(library, "shadowfit_abi");
	if (!abi || abi() != SHADOWFIT_ABI) {
		snprintf(problem, sizeof(problem),
			 "%s speaks ABI %u, this plugin speaks %u: install both from one build", path,
			 abi ? abi() : 0, SHADOWFIT_ABI);
		return problem;
	}
	core->open = (void (*)(struct shadowfit_answer *))dlsym(library, "shadowfit_open");
	core->decide = (void (*)(const struct shadowfit_request *, struct shadowfit_answer *))
		dlsym(library, "shadowfit_decide");
	if (!core->open || !core->decide) {
		memset(core, 0, sizeof(*core));
		snprintf(problem, sizeof(problem), "%s lacks a call of ABI %u", path, SHADOWFIT_ABI);
		return problem;
	}
	return NULL;
}
