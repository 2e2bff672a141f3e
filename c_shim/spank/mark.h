/*
 * The mark of a shadow.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SHADOWFIT_SPANK_MARK_H
#define SHADOWFIT_SPANK_MARK_H

#include "../shadow_contract.h"

/* Reads a mark; -1 for any other text, and then mark->job is empty. */
int mark_read(const char *text, struct shadowfit_mark *mark);

#endif
