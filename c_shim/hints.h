/*
 * What a submission tells beyond its request.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SHADOWFIT_HINTS_H
#define SHADOWFIT_HINTS_H

#include <stdint.h>

/* Size in bytes of the files that the arguments of this sbatch's script name; 0 if none. Their names stay
 * here. Gives up after 50 ms: a submission must not wait for a slow file system. */
uint64_t hints_input_bytes(void);

#endif
