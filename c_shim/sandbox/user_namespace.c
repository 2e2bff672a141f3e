/*
 * A user namespace of the shadow's own, whose owner is root. To look into a process by /proc, to take a descriptor of it or to
 * enter its namespaces needs a capability over its user namespace where that is not one's own, and no other process of its
 * user has one. So nobody outside reaches, keeps, maps or runs what a shadow writes: it goes with the shadow's last process.
 * Each number of a user or group stays what it is.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox.h"

#define ALL_NUMBERS "0 0 4294967295\n"

static int write_map(pid_t of, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", of, name);
	int map = open(path, O_WRONLY | O_CLOEXEC);
	if (map < 0)
		return -1;
	ssize_t written = write(map, ALL_NUMBERS, strlen(ALL_NUMBERS));
	close(map);
	return written < 0 ? -1 : 0;
}

/* Only who is outside may say who its users are. Exits only: once `entered` tells that `of` is inside. */
static void say_who_is_who(pid_t of, int entered)
{
	char byte;

	_exit(read(entered, &byte, 1) == 1 && write_map(of, "uid_map") == 0 && write_map(of, "gid_map") == 0 ? 0 : 1);
}

/* Returns whether `helper` has done its work. */
static int has_helped(pid_t helper, int entered)
{
	int status = 0;

	if (write(entered, "", 1) != 1)
		return 0;
	while (waitpid(helper, &status, 0) < 0)
		if (errno != EINTR)
			return 0;
	return status == 0;
}

int sandbox_user_namespace(void)
{
	int entered[2];
	pid_t own = getpid();

	if (pipe2(entered, O_CLOEXEC) < 0)
		return refuse(errno, "user namespace");
	pid_t helper = fork();
	if (helper == 0) {
		close(entered[1]);
		say_who_is_who(own, entered[0]);
	}
	close(entered[0]);
	int failed = helper < 0 || unshare(CLONE_NEWUSER) < 0;
	if (failed)
		refuse(errno, "user namespace (user.max_user_namespaces may be 0 here)");
	else if (!has_helped(helper, entered[1]))
		failed = refuse(0, "the user namespace knows no users");
	close(entered[1]);
	return failed ? -1 : 0;
}
