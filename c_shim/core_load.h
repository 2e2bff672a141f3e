/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SHADOWFIT_CORE_LOAD_H
#define SHADOWFIT_CORE_LOAD_H

#include "shadowfit_core.h"

/* The core's calls; all NULL while there is no usable core. */
struct shadowfit_core {
	void (*open)(struct shadowfit_answer *);
	void (*decide)(const struct shadowfit_request *, struct shadowfit_answer *);
};

/* Loads libshadowfit_core.so from the directory of this plugin. Returns NULL when it is loaded and
 * fits, else why not (a text that lives until the next call). */
const char *shadowfit_core_load(struct shadowfit_core *core);

#endif
