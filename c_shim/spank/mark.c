/*
 * The mark of a shadow, read. The tests link it, too, so that what Rust writes is what C reads.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "mark.h"

int mark_read(const char *text, struct shadowfit_mark *mark)
{
	/* sscanf by itself takes blanks and signs before a number. */
	bool is_plain = text[strspn(text, SHADOWFIT_MARK_PREFIX "0123456789")] == '\0';
	int length = 0;
	int fields = sscanf(text, SHADOWFIT_MARK_SCAN, mark->job, &mark->until, &mark->cpus,
			    &mark->scratch_mib, &mark->pids, &mark->io_mib, &length);

	if (is_plain && fields == SHADOWFIT_MARK_FIELDS && text[length] == '\0')
		return 0;
	mark->job[0] = '\0';
	return -1;
}
