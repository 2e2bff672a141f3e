/*
 * What the kernel shows line by line, some of it of any length that a user likes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SHADOWFIT_SANDBOX_LINES_H
#define SHADOWFIT_SANDBOX_LINES_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* One line, without what of it has no room; what is left of that is no line. False at the end. */
static inline bool read_line(FILE *from, char *line, int size)
{
	if (!fgets(line, size, from))
		return false;
	if (!strchr(line, '\n'))
		for (int byte = getc(from); byte != EOF && byte != '\n';)
			byte = getc(from);
	return true;
}

#endif
