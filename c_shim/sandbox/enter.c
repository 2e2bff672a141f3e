/*
 * Three processes: the one that Slurm started stays outside and waits; the first inside is the
 * init of a new pid namespace, whose end takes everything inside with it; its child becomes the job.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox.h"

/* Between two looks whether init has ended or the sampler is gone, in milliseconds. */
#define LOOK_MS 50
/* How long the sampler may take until it watches, in milliseconds. */
#define GO_TIMEOUT_MS 5000

static void report_line(int report, const char *format, ...)
{
	char line[512];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (length >= (int)sizeof(line))
		length = sizeof(line) - 1;
	/* A sampler that is gone cannot be told, and nothing hangs on it. */
	if (write(report, line, length) < 0)
		errno = 0;
}

/* Descriptors of slurmstepd: none may reach into the sandbox, none may be held open outside. */
static void keep_only(int report)
{
	if (report > 3)
		syscall(SYS_close_range, 3, report - 1, 0);
	syscall(SYS_close_range, report + 1, ~0U, 0);
}

static int exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Outside: wait for the init and end as it does. A shadow that nobody watches any more is ended. */
static void wait_outside(const struct sandbox *wish, pid_t init)
{
	struct pollfd sampler = { .fd = wish->report };
	int status = 0;

	keep_only(wish->report);
	signal(SIGPIPE, SIG_IGN);
	while (waitpid(init, &status, WNOHANG) == 0)
		if (poll(&sampler, 1, LOOK_MS) > 0)
			kill(init, SIGKILL);
	report_line(wish->report, SHADOWFIT_REPORT_EXIT " %d\n", exit_code(status));
	_exit(exit_code(status));
}

/* Inside: reap whatever ends until the job does. */
static void be_init(pid_t job)
{
	int status = 0;
	pid_t ended;

	syscall(SYS_close_range, 3, ~0U, 0);
	while ((ended = waitpid(-1, &status, 0)) != job)
		if (ended < 0 && errno != EINTR)
			_exit(125);
	_exit(exit_code(status));
}

static int no_signal_stays_blocked(void)
{
	sigset_t none;
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL);
}

static int take_first_parts(const struct sandbox *wish)
{
	/* Nobody inside may outlive what waits outside. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	no_signal_stays_blocked();
	/* Only here: Slurm still moves the process outside to groups of its own. */
	if (sandbox_cgroups(wish))
		return -1;
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		return refuse(errno, "namespaces");
	return sandbox_root(wish) || sandbox_network(wish) ? -1 : 0;
}

/* Whatever the sampler stands in for, license servers among it, has to be there before the job looks. */
static int sampler_watches(const struct sandbox *wish)
{
	struct pollfd go = { .fd = wish->go, .events = POLLIN };
	char byte;

	report_line(wish->report, SHADOWFIT_REPORT_READY "\n");
	if (poll(&go, 1, GO_TIMEOUT_MS) == 1 && read(wish->go, &byte, 1) == 1)
		return 0;
	return refuse(0, "nobody watches");
}

/* Of the process outside: what tells where Slurm has put it, while there is a way to it. */
struct outside {
	int own_cgroup, cgroups;
};

static struct outside look_outside(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	return (struct outside){ .own_cgroup = open(path, O_RDONLY | O_CLOEXEC),
				 .cgroups = open(CGROUPS, O_PATH | O_DIRECTORY | O_CLOEXEC) };
}

/* Once Slurm has done its part, which it has when the sampler is there. */
static int take_last_parts(const struct outside *outside)
{
	sandbox_follow(outside->own_cgroup, outside->cgroups);
	if (unshare(CLONE_NEWCGROUP) < 0)
		return refuse(errno, "cgroup namespace");
	return sandbox_privileges();
}

/* Nothing of slurmstepd's outlives the start of the job's program. Earlier kernels than 5.11 cannot promise that. */
static int no_descriptor_is_inherited(void)
{
	if (syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return refuse(errno, "close_range");
	return 0;
}

static void refused(const struct sandbox *wish)
{
	report_line(wish->report, SHADOWFIT_REPORT_REFUSED " %s\n", sandbox_refusal());
}

/* Exits only, or returns in the process that is to become the job. */
static void be_inside(const struct sandbox *wish, pid_t waiting)
{
	struct outside outside = look_outside(waiting);

	if (take_first_parts(wish) || sampler_watches(wish) || take_last_parts(&outside) || no_descriptor_is_inherited()) {
		refused(wish);
		_exit(125);
	}
	pid_t job = fork();
	if (job < 0)
		_exit(125);
	if (job > 0)
		be_init(job);
}

int sandbox_enter(const struct sandbox *wish)
{
	pid_t waiting = getpid();
	pid_t init = unshare(CLONE_NEWPID) < 0 ? -1 : fork();

	if (init < 0) {
		refuse(errno, "pid namespace");
		refused(wish);
		return -1;
	}
	if (init > 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		report_line(wish->report, SHADOWFIT_REPORT_PID " %d\n", init);
		wait_outside(wish, init);
	}
	be_inside(wish, waiting);
	return 0;
}
