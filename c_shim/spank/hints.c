/*
 * In sbatch, as the user: the input that a submission names, before the job waits anywhere. The programs
 * link it, too, so that 'shadowfit predict' tells what sbatch would.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hints.h"

/* Longer command lines and scripts are read up to here. */
#define MOST_TEXT 65536
/* Of more files the rest is not counted. */
#define MOST_FILES 512
/* After so long no further file is looked at, */
#define LOOKS_MS 50
/* and after so long nothing is waited for. */
#define MOST_MS 500
/* A look that nobody waits for any more ends after so long, if its file server lets it. */
#define FORGOTTEN_S 1
/* Where the kernel does not close all descriptors at once, those above stay open. */
#define MOST_DESCRIPTORS 65536

/* What ends a file's name in a script. */
#define BETWEEN " \t\r\n\"'`=;,()<>|&"
/* What a shell turns into another name. */
#define NOT_YET_A_NAME "$*?{}[]"

/* Files counted so far. */
struct input {
	int64_t until_ms;
	uint64_t bytes;
	size_t files;
	struct {
		dev_t device;
		ino_t inode;
	} counted[MOST_FILES];
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads up to `room` bytes; returns how many. */
static size_t read_file(const char *path, char *text, size_t room)
{
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t length = 0;
	ssize_t got = 0;

	if (file < 0)
		return 0;
	while (length < room && (got = read(file, text + length, room - length)) > 0)
		length += (size_t)got;
	close(file);
	return length;
}

static bool is_file(const char *name, struct stat *file)
{
	return fstatat(AT_FDCWD, name, file, AT_NO_AUTOMOUNT) == 0 && S_ISREG(file->st_mode);
}

/* Counts a file, once; whether there is one. */
static bool count(struct input *input, const char *name, bool programs_too)
{
	struct stat file;

	if (now_ms() >= input->until_ms || !is_file(name, &file))
		return false;
	if (input->files == MOST_FILES || (!programs_too && file.st_mode & 0111))
		return true;
	for (size_t which = 0; which < input->files; which++)
		if (input->counted[which].device == file.st_dev && input->counted[which].inode == file.st_ino)
			return true;
	input->counted[input->files].device = file.st_dev;
	input->counted[input->files++].inode = file.st_ino;
	input->bytes += (uint64_t)file.st_size;
	return true;
}

/* `reads.fq`, or `in=reads.fq`. */
static void count_argument(struct input *input, const char *word)
{
	const char *value = strchr(word, '=');

	if (!count(input, word, true) && value)
		count(input, value + 1, true);
}

/* Files that the lines of a script name outright; no comments, and no programs. Changes the text. */
static void count_in_script(struct input *input, char *text)
{
	char *line, *lines = text;

	while ((line = strsep(&lines, "\n"))) {
		line += strspn(line, " \t");
		if (line[0] == '#')
			continue;
		char *rest = NULL;
		for (char *word = strtok_r(line, BETWEEN, &rest); word; word = strtok_r(NULL, BETWEEN, &rest))
			if (strpbrk(word, "./") && !strpbrk(word, NOT_YET_A_NAME))
				count(input, word, false);
	}
}

/* The text of --wrap, as one word or two. */
static const char *wrapped(const char *word, const char *next)
{
	if (strncmp(word, "--wrap=", 7) == 0)
		return word + 7;
	return strcmp(word, "--wrap") == 0 ? next : NULL;
}

static uint64_t look(const char *words, size_t length)
{
	static char script[MOST_TEXT + 1];
	struct input input = { .until_ms = now_ms() + LOOKS_MS };
	const char *path = NULL;
	struct stat file;

	script[0] = '\0';
	/* sbatch's own options come first, then the script: the first word that names a file. */
	for (size_t at = strnlen(words, length) + 1; at < length; at += strlen(words + at) + 1) {
		const char *word = words + at, *next = word + strlen(word) + 1;
		const char *text = path ? NULL : wrapped(word, next < words + length ? next : "");
		if (text)
			strncpy(script, text, MOST_TEXT);
		if (path)
			count_argument(&input, word);
		else if (word[0] != '-' && is_file(word, &file))
			path = word;
	}
	if (!input.bytes && path)
		script[read_file(path, script, MOST_TEXT)] = '\0';
	if (!input.bytes)
		count_in_script(&input, script);
	return input.bytes;
}

/* Whoever reads what sbatch prints waits until all have closed it. */
static void keep_only(int descriptor)
{
	long open_most = sysconf(_SC_OPEN_MAX);

	if (dup2(descriptor, 0) < 0)
		_exit(1);
#ifdef SYS_close_range
	if (syscall(SYS_close_range, 1, ~0U, 0) == 0)
		return;
#endif
	for (int other = 1; other < open_most && other < MOST_DESCRIPTORS; other++)
		close(other);
}

/* What waits for a file server that is gone is ended by a signal that nobody handles. */
static void end_in_time(void)
{
	sigset_t alarms;

	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	signal(SIGALRM, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &alarms, NULL);
	alarm(FORGOTTEN_S);
}

static void look_and_tell(const char *words, size_t length, int answer)
{
	keep_only(answer);
	end_in_time();
	uint64_t bytes = look(words, length);
	_exit(write(0, &bytes, sizeof(bytes)) != sizeof(bytes));
}

/* Looks in a process that is nobody's child, so that it need not be waited for. */
static void begin_look(const char *words, size_t length, int answer)
{
	pid_t child = fork();

	if (child == 0) {
		if (fork() == 0)
			look_and_tell(words, length, answer);
		_exit(0);
	}
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

/* What is told until then; 0 if nothing is. */
static uint64_t answer_until(int answer, int64_t until_ms)
{
	struct pollfd told = { .fd = answer, .events = POLLIN };
	uint64_t bytes = 0;
	int ready;

	do {
		int64_t left_ms = until_ms - now_ms();
		ready = left_ms > 0 ? poll(&told, 1, (int)left_ms) : 0;
	} while (ready < 0 && errno == EINTR);
	if (ready <= 0 || read(answer, &bytes, sizeof(bytes)) != sizeof(bytes))
		return 0;
	return bytes;
}

uint64_t hints_input_bytes(const char *words, size_t length)
{
	int64_t until_ms = now_ms() + MOST_MS;
	int answer[2];

	if (pipe2(answer, O_CLOEXEC) < 0)
		return 0;
	begin_look(words, length, answer[1]);
	close(answer[1]);
	uint64_t bytes = answer_until(answer[0], until_ms);
	close(answer[0]);
	return bytes;
}

uint64_t hints_own_input_bytes(void)
{
	static char words[MOST_TEXT];
	size_t length = read_file("/proc/self/cmdline", words, sizeof(words));

	/* The last word may be cut, and then is no file's name. */
	while (length > 0 && words[length - 1])
		length--;
	return hints_input_bytes(words, length);
}
