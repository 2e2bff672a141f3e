/*
 * The file system of a shadow: an overlay over every mount of the node that its user can reach, whose writes
 * land on one tmpfs and vanish with it. Nothing has to be known about who may write where. An overlay also
 * cuts sockets and FIFOs off from whoever serves them outside.
 *
 * A user may own folders above a mount, and the links in them: what is mounted, and onto what, is opened once,
 * without following any, and used by its descriptor from there on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "places.h"
#include "sandbox.h"

/* A script is at most so large, in bytes; Slurm's own limit is 4 MiB unless a site raises it. */
#define MOST_SCRIPT (64 << 20)
/* Room for "/proc/self/fd/N". */
#define FD_PATH 32

int sandbox_open(int folder, const char *path, int flags, uint64_t how)
{
	struct open_how wanted = { .flags = (uint64_t)flags | O_CLOEXEC,
				   .resolve = RESOLVE_NO_MAGICLINKS | how };
	return (int)syscall(SYS_openat2, folder, path, &wanted, sizeof(wanted));
}

/* Mounts can be named by the descriptor of what they are to lie on. */
static void fd_path(int file, char *path)
{
	snprintf(path, FD_PATH, "/proc/self/fd/%d", file);
}

int sandbox_read_only(const char *from, const char *at)
{
	int file = open(at, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	if (file < 0)
		return -1;
	close(file);
	if (mount(from, at, NULL, MS_BIND, NULL) < 0)
		return -1;
	return mount(NULL, at, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL);
}

/* A bind mount of what is mounted read-only is read-only, too. */
int sandbox_cover_file(const char *read_only, int target)
{
	char to[FD_PATH];

	fd_path(target, to);
	return mount(read_only, to, NULL, MS_BIND, NULL);
}

int sandbox_tmpfs(const char *path, unsigned long flags, const char *options)
{
	return mount("tmpfs", path, "tmpfs", MS_NOSUID | flags, options) < 0 ? refuse(errno, "tmpfs on %s", path) : 0;
}

static int build_stage(const struct sandbox *wish)
{
	char options[80];

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return refuse(errno, "private mounts");
	/* To the kernel, a size of 0 is no limit. */
	if (wish->scratch_bytes == 0)
		return refuse(EINVAL, "scratch space");
	snprintf(options, sizeof(options), "mode=755,size=%llu,nr_inodes=200k",
		 (unsigned long long)wish->scratch_bytes);
	if (sandbox_tmpfs(STAGE, MS_NODEV, options))
		return -1;
	if (mkdir(NEW_ROOT, 0755) < 0 || mkdir(SCRATCH, 0700) < 0)
		return refuse(errno, STAGE);
	return 0;
}

/* 1 where the kernel says that a descriptor is of another mount, one which hides this one, or of the folder below it once it is
 * gone; 0 where it is not, or the kernel cannot tell; -1 where nobody answers. */
static int is_of_another_mount(int file, const struct place *place)
{
	struct statx mounted;

	if (statx(file, "", AT_EMPTY_PATH, STATX_TYPE | STATX_MNT_ID, &mounted) < 0)
		return -1;
	return (mounted.stx_mask & STATX_MNT_ID) && mounted.stx_mnt_id != place->id;
}

/* Others' FUSE mounts can be opened, but not entered. */
static int can_be_entered(int file)
{
	struct stat kind;

	if (fstat(file, &kind) < 0)
		return 0;
	if (!S_ISDIR(kind.st_mode))
		return 1;
	int inside = openat(file, "./.", O_PATH | O_CLOEXEC);
	if (inside < 0)
		return 0;
	close(inside);
	return 1;
}

/* -1 also for what this user cannot reach, and what is hidden by another mount or gone since: no job of this
 * user can see it. */
static int open_place(const struct sandbox *wish, const struct place *place)
{
	if (sandbox_as_user(wish))
		return -1;
	int file = sandbox_open(AT_FDCWD, place->path, O_PATH, RESOLVE_NO_SYMLINKS);
	if (file >= 0 && !(is_of_another_mount(file, place) == 0 && can_be_entered(file))) {
		close(file);
		file = -1;
	}
	return sandbox_as_root() ? -1 : file;
}

/* The folder, or file, of this name. Below what automount has mounted, the new root has none yet. */
static int step_into(int folder, const char *name)
{
	const uint64_t how = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
	int next = sandbox_open(folder, name, O_PATH, how);

	if (next < 0 && errno == ENOENT && mkdirat(folder, name, 0755) == 0)
		next = sandbox_open(folder, name, O_PATH, how);
	return next;
}

/* Opens the place in the new root, step by step. */
static int open_target(const char *path)
{
	char names[sizeof(((struct place *)0)->path)], *rest = NULL;
	int target = open(NEW_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);

	snprintf(names, sizeof(names), "%s", path);
	for (char *name = strtok_r(names, "/", &rest); name && target >= 0; name = strtok_r(NULL, "/", &rest)) {
		int next = step_into(target, name);
		close(target);
		target = next;
	}
	return target;
}

/* An overlay's own root takes its owner and mode from the upper directory. */
static int make_upper(const char *path, const struct stat *like)
{
	if (mkdir(path, 0700) < 0 || chown(path, like->st_uid, like->st_gid) < 0 ||
	    chmod(path, like->st_mode & 07777) < 0)
		return refuse(errno, "%s", path);
	return 0;
}

/* An overlay goes below by the identity of who mounts it, for good. A file server that squashes root, or that has lists of
 * its own of who may read, would answer root differently than the job. */
static int mount_overlay(const struct sandbox *wish, const char *to, const char *options)
{
	if (sandbox_as_user_with_capabilities(wish))
		return -1;
	int failed = mount("overlay", to, "overlay", MS_NOSUID | MS_NODEV, options) < 0;
	return sandbox_as_root() || failed ? -1 : 0;
}

static int cover_folder(const struct sandbox *wish, const struct place *place, int from, int target,
			const struct stat *like)
{
	char upper[64], work[64], to[FD_PATH], options[256];

	snprintf(upper, sizeof(upper), SCRATCH "/u%u", place->id);
	snprintf(work, sizeof(work), SCRATCH "/w%u", place->id);
	if (make_upper(upper, like))
		return -1;
	if (mkdir(work, 0700) < 0)
		return refuse(errno, "%s", work);
	fd_path(target, to);
	snprintf(options, sizeof(options), "lowerdir=/proc/self/fd/%d,upperdir=%s,workdir=%s", from, upper, work);
	return mount_overlay(wish, to, options);
}

#define READ_ONLY STAGE "/file"

static int cover_single_file(int from, int target)
{
	char path[FD_PATH];

	fd_path(from, path);
	if (sandbox_read_only(path, READ_ONLY) < 0)
		return -1;
	int failed = sandbox_cover_file(READ_ONLY, target) < 0;
	int error = errno;
	if (umount2(READ_ONLY, MNT_DETACH) < 0)
		return -1;
	errno = error;
	return failed ? -1 : 0;
}

/* A folder, or a single file, as containers mount /etc/hosts. */
static int cover(const struct sandbox *wish, const struct place *place, int from, int target)
{
	struct stat like;

	if (fstat(from, &like) < 0)
		return -1;
	if (S_ISDIR(like.st_mode))
		return cover_folder(wish, place, from, target, &like);
	return S_ISREG(like.st_mode) ? cover_single_file(from, target) : 0;
}

/* A single file gets none. */
static int can_be_covered(const struct sandbox *wish, const struct place *place, int from)
{
	struct stat kind;

	return fstat(from, &kind) < 0 || !S_ISDIR(kind.st_mode) || place_bears_overlay(place, wish->overlay_over);
}

/* Nothing is at the place any more, or something else. What only fails to answer is there. */
static int has_left(int file, const struct place *place)
{
	if (file < 0)
		return errno == ENOENT || errno == ENOTDIR;
	return is_of_another_mount(file, place) == 1;
}

/* It may have been unmounted while it was covered: the kernel then refuses what it would have taken before. */
static int is_gone(const struct sandbox *wish, const struct place *place)
{
	if (sandbox_as_user(wish))
		return 0;
	int file = sandbox_open(AT_FDCWD, place->path, O_PATH, RESOLVE_NO_SYMLINKS);
	int gone = has_left(file, place);
	if (file >= 0)
		close(file);
	return sandbox_as_root() ? 0 : gone;
}

static int cover_place(const struct sandbox *wish, const struct place *place)
{
	int from = open_place(wish, place);

	if (from < 0)
		return 0;
	if (!can_be_covered(wish, place, from)) {
		close(from);
		return refuse(0, "%s is of type %s, which is not known to bear an overlay", place->path, place->type);
	}
	int target = open_target(place->path);
	int failed = target < 0 || cover(wish, place, from, target) < 0;
	int error = errno;
	close(from);
	if (target >= 0)
		close(target);
	if (!failed || is_gone(wish, place))
		return 0;
	return refuse(error, "overlay over %s", place->path);
}

/* A kernel without openat2 would let every mount be out of reach. */
static int can_open_safely(void)
{
	int root = sandbox_open(AT_FDCWD, "/", O_PATH, RESOLVE_NO_SYMLINKS);

	if (root < 0)
		return refuse(errno, "openat2");
	close(root);
	return 0;
}

static int cover_everything(const struct sandbox *wish)
{
	if (can_open_safely())
		return -1;
	for (size_t which = 0; places_at(which); which++)
		if (!places_at(which)->is_left_out && cover_place(wish, places_at(which)))
			return -1;
	return 0;
}

static int enter_new_root(void)
{
	if (chdir(NEW_ROOT) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
	    chdir("/") < 0)
		return refuse(errno, "pivot_root");
	return 0;
}

/* From here on all paths are those of the new root: no link of the user's leads out of it. */

/* Returns the descriptor of the stub that Slurm has written for the user, after its first lines. */
static int open_script(const struct sandbox *wish)
{
	char stub[sizeof(SHADOWFIT_STUB) - 1];
	struct stat kind;
	int script = sandbox_open(AT_FDCWD, wish->script, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);

	if (script >= 0 && fstat(script, &kind) == 0 && S_ISREG(kind.st_mode) && kind.st_uid == wish->uid &&
	    kind.st_size <= MOST_SCRIPT && read(script, stub, sizeof(stub)) == (ssize_t)sizeof(stub) &&
	    memcmp(stub, SHADOWFIT_STUB, sizeof(stub)) == 0)
		return script;
	if (script >= 0)
		close(script);
	return -1;
}

#define PAYLOAD SHADOWFIT_RUN "/script"

static int copy_payload(const struct sandbox *wish, int script)
{
	int payload = open(PAYLOAD, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0700);
	ssize_t copied = 1;

	while (payload >= 0 && copied > 0)
		copied = sendfile(payload, script, NULL, MOST_SCRIPT);
	int failed = payload < 0 || copied < 0 || fchown(payload, wish->uid, wish->gid) < 0 ||
		     fchmod(payload, 0500) < 0;
	if (payload >= 0)
		close(payload);
	return failed ? -1 : 0;
}

/* Slurm starts a stub that does nothing by itself, followed by the user's script. Inside, the script takes
 * the stub's place, so that without a sandbox nothing of the user's can ever run. */
static int unwrap_script(const struct sandbox *wish)
{
	if (sandbox_as_user(wish))
		return -1;
	int script = open_script(wish);
	if (sandbox_as_root())
		return -1;
	if (script < 0)
		return refuse(0, "%s is no shadow's script", wish->script);
	int failed = copy_payload(wish, script) < 0 || sandbox_read_only(PAYLOAD, PAYLOAD) < 0 ||
		     sandbox_cover_file(PAYLOAD, script) < 0;
	int error = errno;
	close(script);
	return failed ? refuse(error, "%s", wish->script) : 0;
}

/* A working directory that is not there is the job's own problem, as it would be outside. */
static int go_to_work(const struct sandbox *wish, const char *work_dir)
{
	if (sandbox_as_user(wish))
		return -1;
	int arrived = chdir(work_dir) == 0 || chdir("/") == 0;
	return sandbox_as_root() || !arrived ? refuse(errno, "working directory") : 0;
}

/* An automounted home has to be there before the mounts are read. The user may wake it, nobody else is woken. */
static int wake_home(const struct sandbox *wish)
{
	if (!wish->home)
		return 0;
	if (sandbox_as_user(wish))
		return -1;
	int home = open(wish->home, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
	if (home >= 0)
		close(home);
	return sandbox_as_root();
}

int sandbox_root(const struct sandbox *wish)
{
	char work_dir[PATH_MAX];
	mode_t mask = umask(022);

	if (!getcwd(work_dir, sizeof(work_dir)))
		return refuse(errno, "working directory");
	if (wake_home(wish) || places_read(wish->uid) || build_stage(wish) || cover_everything(wish) ||
	    sandbox_kernel_folders(wish) || enter_new_root() || unwrap_script(wish) || sandbox_standins(wish) ||
	    sandbox_license_hosts(wish))
		return -1;
	umask(mask);
	return go_to_work(wish, work_dir);
}
