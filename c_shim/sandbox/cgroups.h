/*
 * What both versions of cgroups share. Only for the files of this folder that are named after cgroups.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SHADOWFIT_CGROUPS_H
#define SHADOWFIT_CGROUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "sandbox.h"

/* Of one CPU's time: all of it. */
#define PERIOD_US 100000

/* Writes a file of a group. Returns 0, or -1 with errno. */
int cgroup_write(const char *group, const char *file, const char *text);

/* The same for what a sandbox cannot do without. Each returns 0, or -1 after refuse(). */
int cgroup_set(const char *group, const char *file, uint64_t value);
int cgroup_enter(const char *group);

/* Calls `limit` with the number, as "8:0", of each disk of the node. */
void cgroup_each_disk(void (*limit)(const char *group, const char *disk, uint64_t bytes_per_s), const char *group,
		      uint64_t bytes_per_s);

/* A folder that root has made: no link, and no user's. */
bool cgroup_is_roots(const char *group);

/* How often it is looked whether a group has come to its end. */
#define CGROUP_LOOK_US 20000
#define CGROUP_LOOKS(seconds) ((seconds) * (1000000u / CGROUP_LOOK_US))

/* Ends what runs in root's groups that a pattern matches, and removes them; `looks` is the time for that, of which it
 * leaves the rest. */
void cgroup_clear(const char *pattern, unsigned *looks);

/* The groups of the sandbox's own, limited and entered. */
int cgroup_v1_own(const struct sandbox *wish);
int cgroup_v2_own(const struct sandbox *wish);

/* Ends what runs in the groups of `name` wherever they are, and removes them. */
void cgroup_v1_clear(const char *name);
void cgroup_v2_clear(const char *name);

#endif
