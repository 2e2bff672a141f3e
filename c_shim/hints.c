/*
 * In sbatch, as the user: the input that a command line names, before the job waits anywhere.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hints.h"

/* A longer command line is read up to here. */
#define MOST_TEXT 65536
#define MOST_MS 50

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Fills `text` with this process's words, each ended by NUL. */
static size_t own_words(char *text, size_t room)
{
	int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t count = 0;

	if (file < 0)
		return 0;
	while (length < room && (count = read(file, text + length, room - length)) > 0)
		length += (size_t)count;
	close(file);
	/* The last word may be cut, and then is no file's name. */
	while (length > 0 && text[length - 1])
		length--;
	return length;
}

/* Size of a regular file; 0 for all else. */
static uint64_t size_of(const char *name)
{
	struct stat file;

	return stat(name, &file) == 0 && S_ISREG(file.st_mode) ? (uint64_t)file.st_size : 0;
}

/* `reads.fq`, or `in=reads.fq`. */
static uint64_t size_named_by(const char *word)
{
	const char *value = strchr(word, '=');
	uint64_t size = size_of(word);

	return size || !value ? size : size_of(value + 1);
}

uint64_t hints_input_bytes(void)
{
	static char text[MOST_TEXT];
	size_t length = own_words(text, sizeof(text));
	int64_t end = now_ms() + MOST_MS;
	uint64_t sum = 0;
	int is_argument = 0;

	/* sbatch's own options come first, then the script: the first word that names a file. */
	for (size_t at = strnlen(text, length) + 1; at < length && now_ms() < end; at += strlen(text + at) + 1) {
		const char *word = text + at;
		if (is_argument)
			sum += size_named_by(word);
		else if (word[0] != '-' && size_of(word))
			is_argument = 1;
	}
	return sum;
}
