/*
 * The file system of a shadow: an overlay over every mount of the node, whose writes land on one
 * tmpfs and vanish with it. Nothing has to be known about who may write where. An overlay also
 * cuts sockets and FIFOs off from whoever serves them outside.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox.h"

/* All is built on a tmpfs over /proc: the one directory that every Linux has, that is mounted anew
 * anyway, and under which nothing lies that a job needs. */
#define STAGE "/proc"
#define NEW_ROOT STAGE "/root"
#define SCRATCH STAGE "/scratch"
#define OLD_ROOT_LIMIT 512

/* A mount of the node, copied before anything is changed. */
struct place {
	char path[512];
	char type[32];
};

static struct place places[OLD_ROOT_LIMIT];
static size_t place_count;

/* File systems of the kernel: mounted anew where a job needs them, and left out elsewhere. */
static const char *const kernel_types[] = {
	"proc",	   "sysfs",   "devtmpfs", "devpts",	"cgroup",   "cgroup2",	   "mqueue", "debugfs",
	"tracefs", "securityfs", "pstore", "bpf",	"configfs", "binfmt_misc", "hugetlbfs", "fusectl",
	"efivarfs", "nsfs",   "autofs",	  "rpc_pipefs", "selinuxfs", "ramfs"
};

static const char *const left_out[] = { "/proc", "/sys", "/dev", "/run", "/var/run" };

static int is_under(const char *path, const char *folder)
{
	size_t length = strlen(folder);
	return strncmp(path, folder, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static int is_left_out(const struct place *place)
{
	for (size_t which = 0; which < sizeof(kernel_types) / sizeof(*kernel_types); which++)
		if (strcmp(place->type, kernel_types[which]) == 0)
			return 1;
	for (size_t which = 0; which < sizeof(left_out) / sizeof(*left_out); which++)
		if (is_under(place->path, left_out[which]))
			return 1;
	return 0;
}

static bool is_octal(const char *digits)
{
	return strspn(digits, "01234567") >= 3;
}

/* mountinfo writes blanks and backslashes as \ooo. */
static void unescape(char *text)
{
	char *to = text;
	for (const char *from = text; *from; from++) {
		if (from[0] == '\\' && is_octal(from + 1)) {
			*to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 3;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

static int read_mounts(void)
{
	char line[4096];
	FILE *mounts = fopen("/proc/self/mountinfo", "re");

	if (!mounts)
		return refuse(errno, "/proc/self/mountinfo");
	while (fgets(line, sizeof(line), mounts)) {
		struct place *place = &places[place_count];
		const char *type = strstr(line, " - ");
		if (!type || sscanf(line, "%*s %*s %*s %*s %511s", place->path) != 1 ||
		    sscanf(type + 3, "%31s", place->type) != 1)
			continue;
		unescape(place->path);
		if (is_left_out(place))
			continue;
		if (++place_count == OLD_ROOT_LIMIT) {
			fclose(mounts);
			return refuse(0, "this node has more than %d mounts", OLD_ROOT_LIMIT);
		}
	}
	fclose(mounts);
	return 0;
}

static int mount_tmpfs(const char *path, const char *options)
{
	if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
		return refuse(errno, "tmpfs on %s", path);
	return 0;
}

static int build_stage(const struct sandbox *wish)
{
	char options[80];

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return refuse(errno, "private mounts");
	snprintf(options, sizeof(options), "mode=755,size=%llu,nr_inodes=200k",
		 (unsigned long long)wish->scratch_bytes);
	if (mount_tmpfs(STAGE, options))
		return -1;
	if (mkdir(NEW_ROOT, 0755) < 0 || mkdir(SCRATCH, 0700) < 0)
		return refuse(errno, STAGE);
	return 0;
}

/* An overlay's own root takes its owner and mode from the upper directory. */
static int make_upper(const char *path, const struct stat *like)
{
	if (mkdir(path, 0700) < 0 || chown(path, like->st_uid, like->st_gid) < 0 ||
	    chmod(path, like->st_mode & 07777) < 0)
		return refuse(errno, "%s", path);
	return 0;
}

static int cover_folder(size_t number, const char *path, const struct stat *like)
{
	char upper[64], work[64], target[600], options[800];

	/* These would be read as part of the options. */
	if (strpbrk(path, ",:\\\""))
		return refuse(0, "overlay over '%s': a name with , : \\ or \"", path);
	snprintf(upper, sizeof(upper), SCRATCH "/u%zu", number);
	snprintf(work, sizeof(work), SCRATCH "/w%zu", number);
	if (make_upper(upper, like))
		return -1;
	if (mkdir(work, 0700) < 0)
		return refuse(errno, "%s", work);
	snprintf(target, sizeof(target), NEW_ROOT "%s", path);
	snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s", path, upper, work);
	if (mount("overlay", target, "overlay", MS_NOSUID | MS_NODEV, options) < 0)
		return refuse(errno, "overlay over %s", path);
	return 0;
}

/* A single file that is mounted somewhere, as containers do with /etc/hosts. */
static int cover_file(const char *path)
{
	char target[600];

	snprintf(target, sizeof(target), NEW_ROOT "%s", path);
	if (mount(path, target, NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
		return refuse(errno, "read-only file %s", path);
	return 0;
}

static int cover_everything(void)
{
	for (size_t number = 0; number < place_count; number++) {
		const char *path = places[number].path;
		struct stat like;
		if (stat(path, &like) < 0)
			continue; /* covered by another mount, or a server that is gone */
		if (S_ISDIR(like.st_mode) ? cover_folder(number, path, &like) :
					    S_ISREG(like.st_mode) && cover_file(path))
			return -1;
	}
	return 0;
}

static int bind_device(const char *name)
{
	char from[64], to[80];

	snprintf(from, sizeof(from), "/dev/%s", name);
	snprintf(to, sizeof(to), NEW_ROOT "/dev/%s", name);
	int file = open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
	if (file < 0)
		return refuse(errno, "%s", to);
	close(file);
	return mount(from, to, NULL, MS_BIND, NULL) < 0 ? refuse(errno, "device %s", from) : 0;
}

static int build_dev(const struct sandbox *wish)
{
	static const char *const devices[] = { "null", "zero", "full", "random", "urandom", "tty" };
	static const char *const links[][2] = { { "pts/ptmx", "ptmx" },
						{ "/proc/self/fd", "fd" },
						{ "/proc/self/fd/0", "stdin" },
						{ "/proc/self/fd/1", "stdout" },
						{ "/proc/self/fd/2", "stderr" } };
	static const char *const folders[] = { "shm", "pts", "mqueue" };
	char path[80], options[64];

	if (mount_tmpfs(NEW_ROOT "/dev", "mode=755,size=64k"))
		return -1;
	for (size_t which = 0; which < sizeof(devices) / sizeof(*devices); which++)
		if (bind_device(devices[which]))
			return -1;
	for (size_t which = 0; which < sizeof(links) / sizeof(*links); which++) {
		snprintf(path, sizeof(path), NEW_ROOT "/dev/%s", links[which][1]);
		if (symlink(links[which][0], path) < 0)
			return refuse(errno, "%s", path);
	}
	for (size_t which = 0; which < sizeof(folders) / sizeof(*folders); which++) {
		snprintf(path, sizeof(path), NEW_ROOT "/dev/%s", folders[which]);
		if (mkdir(path, 0755) < 0)
			return refuse(errno, "%s", path);
	}
	snprintf(options, sizeof(options), "mode=1777,size=%llu", (unsigned long long)wish->memory_bytes);
	if (mount_tmpfs(NEW_ROOT "/dev/shm", options))
		return -1;
	if (mount("devpts", NEW_ROOT "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		  "newinstance,ptmxmode=0666,mode=0620") < 0)
		return refuse(errno, "devpts");
	/* Optional in the kernel; without it there are simply no POSIX queues. */
	mount("mqueue", NEW_ROOT "/dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	return 0;
}

/* /run holds everybody's sockets: the shadow's is empty but for what the sampler looks at: how full
 * the scratch space is, and what the stand-ins have noted. */
static int build_run(void)
{
	if (mount_tmpfs(NEW_ROOT "/run", "mode=755,size=1m"))
		return -1;
	int notes = -1;
	if (mkdir(NEW_ROOT SHADOWFIT_RUN, 0755) < 0 ||
	    mkdir(NEW_ROOT SHADOWFIT_SCRATCH, 0700) < 0 ||
	    mount(SCRATCH, NEW_ROOT SHADOWFIT_SCRATCH, NULL, MS_BIND, NULL) < 0 ||
	    (notes = open(NEW_ROOT SHADOWFIT_NOTES, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) < 0 ||
	    fchmod(notes, 0622) < 0)
		return refuse(errno, SHADOWFIT_RUN);
	close(notes);
	return 0;
}

static int build_kernel_folders(const struct sandbox *wish)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (mount("proc", NEW_ROOT "/proc", "proc", flags, NULL) < 0)
		return refuse(errno, "proc");
	if (mount("sysfs", NEW_ROOT "/sys", "sysfs", flags | MS_RDONLY, NULL) < 0)
		return refuse(errno, "sysfs");
	return build_run() || build_dev(wish) ? -1 : 0;
}

/* Slurm starts a stub that does nothing by itself, followed by the user's script. Inside, the
 * script takes the stub's place, so that without a sandbox nothing of the user's can ever run. */
static int unwrap_script(const struct sandbox *wish)
{
	char path[PATH_MAX], *text = NULL;
	struct stat size;

	snprintf(path, sizeof(path), NEW_ROOT "%s", wish->script);
	int file = open(path, O_RDWR | O_CLOEXEC);
	if (file < 0 || fstat(file, &size) < 0)
		return refuse(errno, "%s", wish->script);
	text = malloc(size.st_size + 1);
	if (!text || read(file, text, size.st_size) != size.st_size)
		return refuse(errno, "%s", wish->script);
	text[size.st_size] = '\0';
	if (strncmp(text, SHADOWFIT_STUB, strlen(SHADOWFIT_STUB)) != 0)
		return refuse(0, "%s is no shadow's script", wish->script);
	const char *payload = text + strlen(SHADOWFIT_STUB);
	size_t length = size.st_size - (payload - text);
	if (ftruncate(file, 0) < 0 || pwrite(file, payload, length, 0) != (ssize_t)length)
		return refuse(errno, "%s", wish->script);
	free(text);
	close(file);
	return 0;
}

static int enter_new_root(const char *work_dir)
{
	if (chdir(NEW_ROOT) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
		return refuse(errno, "pivot_root");
	/* A working directory that is not there is the job's own problem, as it would be outside. */
	if (chdir(work_dir) < 0 && chdir("/") < 0)
		return refuse(errno, "working directory");
	return 0;
}

int sandbox_root(const struct sandbox *wish)
{
	char work_dir[PATH_MAX];

	if (!getcwd(work_dir, sizeof(work_dir)))
		return refuse(errno, "working directory");
	/* An automounted home has to be there before the mounts are read. */
	if (wish->home)
		access(wish->home, F_OK);
	if (read_mounts() || build_stage(wish) || cover_everything() || build_kernel_folders(wish) ||
	    unwrap_script(wish) || sandbox_standins(wish, NEW_ROOT) ||
	    sandbox_license_hosts(wish, NEW_ROOT))
		return -1;
	return enter_new_root(work_dir);
}
