/*
 * Why there is no sandbox.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sandbox.h"

static char reason[400];

int refuse(int error, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	if (error && length >= 0 && length < (int)sizeof(reason))
		snprintf(reason + length, sizeof(reason) - length, ": %s", strerror(error));
	return -1;
}

const char *sandbox_refusal(void)
{
	return reason;
}
