/*
 * What a submission tells beyond its request: the size of its input. Names of files stay here.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SHADOWFIT_HINTS_H
#define SHADOWFIT_HINTS_H

#include <stddef.h>
#include <stdint.h>

/* Size in bytes of the files that the arguments of sbatch's script name, or else of those that the script
 * itself names, each counted once; 0 if none. `words` are sbatch's words, each ended by NUL. After 50 ms no further file is
 * looked at, so that a slow file system does not add up; one that does not answer at all is waited for by a process of its
 * own, which the caller leaves to itself after half a second, and then it is 0. */
uint64_t hints_input_bytes(const char *words, size_t length);

/* The same for this process's own words. */
uint64_t hints_own_input_bytes(void);

#endif
