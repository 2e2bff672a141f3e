/*
 * What all stand-ins give a plugin: Slurm's log and its allocator, whose every byte the sanitizer watches.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SHADOWFIT_TESTS_SLURM_H
#define SHADOWFIT_TESTS_SLURM_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../c_shim/slurm_compat.h"

/* Called with each error, where a stand-in wants to hear of them. */
static void (*on_error)(const char *line);

static const char *write_log(const char *format, va_list arguments)
{
	static char line[4096];

	vsnprintf(line, sizeof(line), format, arguments);
	return line;
}

void slurm_info(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	write_log(format, arguments);
	va_end(arguments);
}

void slurm_debug(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	write_log(format, arguments);
	va_end(arguments);
}

void slurm_error(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	const char *line = write_log(format, arguments);
	va_end(arguments);
	if (on_error)
		on_error(line);
}

char *slurm_xstrdup(const char *text)
{
	return text ? strdup(text) : NULL;
}

void slurm_xfree(void **pointer)
{
	free(*pointer);
	*pointer = NULL;
}

/* A text of so many bytes, without a byte to spare behind its end. */
static inline char *text_of(size_t length, char byte)
{
	char *text = malloc(length + 1);

	memset(text, byte, length);
	text[length] = '\0';
	return text;
}

#endif
