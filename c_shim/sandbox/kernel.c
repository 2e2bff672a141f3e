/*
 * The folders of the kernel and of the running system, made anew: /proc and /sys without what reaches the
 * node, /dev with device nodes of the sandbox's own, an empty /run.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sandbox.h"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))
#define HARMLESS (MS_NOSUID | MS_NODEV | MS_NOEXEC)

/* Of /proc and /sys, as container runtimes have it: to be read, and not even that. */
static const char *const read_only[] = { "/proc/sys", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sysrq-trigger" };
static const char *const masked[] = { "/proc/kcore",	    "/proc/keys",	  "/proc/key-users",
				      "/proc/latency_stats", "/proc/timer_list",   "/proc/timer_stats",
				      "/proc/sched_debug",  "/proc/interrupts",	  "/proc/acpi",
				      "/proc/asound",	    "/proc/scsi",	  "/sys/firmware",
				      "/sys/kernel/security", "/sys/devices/virtual/powercap" };

/* What a kernel does not have needs no mask. */
static int is_there(const char *name, char *path, size_t size, struct stat *kind)
{
	snprintf(path, size, NEW_ROOT "%s", name);
	return lstat(path, kind) == 0;
}

static int keep_from_writing(const char *name)
{
	char path[80];
	struct stat kind;

	if (!is_there(name, path, sizeof(path), &kind))
		return 0;
	if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0 ||
	    mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | HARMLESS, NULL) < 0)
		return refuse(errno, "%s", name);
	return 0;
}

static int mask(const char *name)
{
	char path[80];
	struct stat kind;

	if (!is_there(name, path, sizeof(path), &kind))
		return 0;
	int masks = S_ISDIR(kind.st_mode) ?
			    mount("tmpfs", path, "tmpfs", HARMLESS | MS_RDONLY, "size=4k,nr_inodes=2") :
			    mount(NEW_ROOT "/dev/null", path, NULL, MS_BIND, NULL);
	return masks < 0 ? refuse(errno, "%s", name) : 0;
}

static int each(const char *const *names, size_t count, int (*take)(const char *))
{
	for (size_t which = 0; which < count; which++)
		if (take(names[which]))
			return -1;
	return 0;
}

static int build_proc_and_sys(void)
{
	if (mount("proc", NEW_ROOT "/proc", "proc", HARMLESS, NULL) < 0)
		return refuse(errno, "proc");
	if (mount("sysfs", NEW_ROOT "/sys", "sysfs", HARMLESS | MS_RDONLY, NULL) < 0)
		return refuse(errno, "sysfs");
	return each(read_only, COUNT(read_only), keep_from_writing) || each(masked, COUNT(masked), mask) ? -1 : 0;
}

/* Of its own, so that mode, times and locks of the node's stay theirs. */
static int make_devices(void)
{
	static const struct {
		const char *path;
		unsigned major, minor;
	} devices[] = { { NEW_ROOT "/dev/null", 1, 3 },	  { NEW_ROOT "/dev/zero", 1, 5 },
			{ NEW_ROOT "/dev/full", 1, 7 },	  { NEW_ROOT "/dev/random", 1, 8 },
			{ NEW_ROOT "/dev/urandom", 1, 9 }, { NEW_ROOT "/dev/tty", 5, 0 } };

	for (size_t which = 0; which < COUNT(devices); which++)
		if (mknod(devices[which].path, S_IFCHR | 0666, makedev(devices[which].major, devices[which].minor)) < 0 ||
		    chmod(devices[which].path, 0666) < 0)
			return refuse(errno, "%s", devices[which].path);
	return 0;
}

static int make_links(void)
{
	static const char *const links[][2] = { { "pts/ptmx", NEW_ROOT "/dev/ptmx" },
						{ "/proc/self/fd", NEW_ROOT "/dev/fd" },
						{ "/proc/self/fd/0", NEW_ROOT "/dev/stdin" },
						{ "/proc/self/fd/1", NEW_ROOT "/dev/stdout" },
						{ "/proc/self/fd/2", NEW_ROOT "/dev/stderr" } };

	for (size_t which = 0; which < COUNT(links); which++)
		if (symlink(links[which][0], links[which][1]) < 0)
			return refuse(errno, "%s", links[which][1]);
	return 0;
}

static int build_dev(const struct sandbox *wish)
{
	char options[64];

	if (sandbox_tmpfs(NEW_ROOT "/dev", MS_NOEXEC, "mode=755,size=64k,nr_inodes=64") || make_devices() ||
	    make_links())
		return -1;
	if (mkdir(NEW_ROOT "/dev/shm", 0755) < 0 || mkdir(NEW_ROOT "/dev/pts", 0755) < 0 ||
	    mkdir(NEW_ROOT "/dev/mqueue", 0755) < 0)
		return refuse(errno, "/dev");
	snprintf(options, sizeof(options), "mode=1777,size=%llu", (unsigned long long)wish->memory_bytes);
	if (sandbox_tmpfs(NEW_ROOT "/dev/shm", MS_NODEV, options))
		return -1;
	if (mount("devpts", NEW_ROOT "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		  "newinstance,ptmxmode=0666,mode=0620") < 0)
		return refuse(errno, "devpts");
	/* Optional in the kernel; without it there are simply no POSIX queues. */
	mount("mqueue", NEW_ROOT "/dev/mqueue", "mqueue", HARMLESS, NULL);
	return 0;
}

static int make_notes(void)
{
	int notes = open(NEW_ROOT SHADOWFIT_NOTES, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	if (notes < 0)
		return -1;
	int failed = fchmod(notes, 0622);
	close(notes);
	return failed;
}

/* /run holds everybody's sockets: the shadow's is empty but for its script and for what the sampler looks at:
 * how full the scratch space is, and what the stand-ins have noted. */
static int build_run(void)
{
	if (sandbox_tmpfs(NEW_ROOT "/run", MS_NODEV, "mode=755,size=72m,nr_inodes=64"))
		return -1;
	if (mkdir(NEW_ROOT SHADOWFIT_RUN, 0755) < 0 || mkdir(NEW_ROOT SHADOWFIT_SCRATCH, 0700) < 0 ||
	    mount(SCRATCH, NEW_ROOT SHADOWFIT_SCRATCH, NULL, MS_BIND, NULL) < 0 || make_notes() < 0)
		return refuse(errno, SHADOWFIT_RUN);
	return 0;
}

int sandbox_kernel_folders(const struct sandbox *wish)
{
	return build_dev(wish) || build_proc_and_sys() || build_run() ? -1 : 0;
}
