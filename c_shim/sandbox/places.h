/*
 * The node's mounts, as the sandbox finds them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SHADOWFIT_SANDBOX_PLACES_H
#define SHADOWFIT_SANDBOX_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* More mounts than this on one node, and no shadow runs there. */
#define MOST_PLACES 4096

struct place {
	char path[512];
	char type[32];
	unsigned id, parent; /* as in mountinfo */
	bool is_left_out;
};

/* Reads the mounts once, before anything is changed, as a shadow of `user` may see them. Returns 0, or -1 after refuse(). */
int places_read(uid_t user);

/* An overlay may lie over it. Of file systems that are no part of the kernel, some refuse one, and GPFS has been seen to end
 * the node for it: only those in `more`, types that commas part, may be tried. */
bool place_bears_overlay(const struct place *place, const char *more);

/* Mount number `which`, outer ones first; NULL at the end. */
const struct place *places_at(size_t which);

#endif
