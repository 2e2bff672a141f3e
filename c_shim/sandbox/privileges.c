/*
 * What a shadow may ask of the kernel: no new privileges, no namespaces or mounts of its own, no keyrings,
 * nothing that reaches the whole node, and of what its user's live work shares with it a small part.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox.h"

#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif
#ifndef MADV_COLD
#define MADV_COLD 20
#define MADV_PAGEOUT 21
#endif

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#else
#error "no system call filter for this architecture yet"
#endif

/* Of root, for the way back. */
#define MOST_GROUPS 64
static gid_t root_groups[MOST_GROUPS];
static int root_group_count = -1;

static int is_file_user(uid_t uid)
{
	/* The call tells the one before, and changes nothing where it is given no user. */
	return (uid_t)setfsuid((uid_t)-1) == uid;
}

int sandbox_as_user(const struct sandbox *wish)
{
	if (root_group_count < 0)
		root_group_count = getgroups(MOST_GROUPS, root_groups);
	if (root_group_count < 0 || setgroups((size_t)wish->group_count, wish->groups) < 0)
		return refuse(errno, "groups of the user");
	setfsgid(wish->gid);
	setfsuid(wish->uid);
	return is_file_user(wish->uid) ? 0 : refuse(0, "files cannot be opened as the user");
}

/* Of the calling thread: each that it may have. */
static int take_all_capabilities(void)
{
	struct __user_cap_header_struct mine = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &mine, sets) < 0)
		return -1;
	for (size_t half = 0; half < _LINUX_CAPABILITY_U32S_3; half++)
		sets[half].effective = sets[half].permitted;
	return (int)syscall(SYS_capset, &mine, sets);
}

int sandbox_as_user_with_capabilities(const struct sandbox *wish)
{
	if (sandbox_as_user(wish))
		return -1;
	if (take_all_capabilities() == 0)
		return 0;
	refuse(errno, "capabilities");
	sandbox_as_root();
	return -1;
}

int sandbox_as_root(void)
{
	int error = errno;

	setfsuid(0);
	setfsgid(0);
	if (!is_file_user(0) || setgroups((size_t)root_group_count, root_groups) < 0)
		return refuse(errno, "groups of root");
	errno = error;
	return 0;
}

static int drop_capabilities(void)
{
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
		if (prctl(PR_CAPBSET_DROP, capability) < 0)
			return refuse(errno, "capability %d", capability);
	return 0;
}

#define NEW_NAMESPACES                                                                              \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |  \
	 CLONE_NEWCGROUP)

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define IF(call, error) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), ANSWER(error)
/* Does nothing, and says that it did. */
#define PRETEND(call) IF(call, 0)
/* Advice about what is mapped that takes it out of memory, for all who use it. */
#define PRETEND_EVICTION(call)                                                                      \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 5), LOAD(args[2]),                       \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MADV_COLD, 1, 0),                               \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MADV_PAGEOUT, 0, 1), ANSWER(0), ALLOW
#define IF_NEW_NAMESPACE(call)                                                                      \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 4), LOAD(args[0]),                       \
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NEW_NAMESPACES, 0, 1), ANSWER(EPERM), ALLOW
/* Of the kinds of sockets only these belong to a network namespace; vsock is the node's. */
#define IF_FOREIGN_SOCKET(call)                                                                     \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 7), LOAD(args[0]),                       \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 4, 0),                                 \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 3, 0),                                 \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 2, 0),                                \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 1, 0), ANSWER(EAFNOSUPPORT), ALLOW
/* What is sent without a copy is pinned until it has arrived. */
#define IF_SENT_WITHOUT_COPY(call)                                                                  \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 6), LOAD(args[1]),                       \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOL_SOCKET, 0, 3), LOAD(args[2]),               \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SO_ZEROCOPY, 0, 1), ANSWER(EOPNOTSUPP), ALLOW

static int filter_calls(void)
{
	struct sock_filter rules[] = {
		LOAD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCH, 1, 0),
		ANSWER(ENOSYS),
		LOAD(nr),
		/* The x32 table of x86-64 is a second door to the same calls. */
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
		ANSWER(ENOSYS),
		/* Keyrings belong to the user, not to a namespace. */
		IF(add_key, ENOSYS),
		IF(request_key, ENOSYS),
		IF(keyctl, ENOSYS),
		IF(mount, EPERM),
		IF(umount2, EPERM),
		IF(pivot_root, EPERM),
		IF(open_tree, EPERM),
		IF(move_mount, EPERM),
		IF(fsopen, EPERM),
		IF(fspick, EPERM),
		IF(mount_setattr, EPERM),
		IF(setns, EPERM),
		IF(open_by_handle_at, EPERM),
		IF(bpf, EPERM),
		IF(userfaultfd, EPERM),
		IF(io_uring_setup, ENOSYS),
		IF(clone3, ENOSYS), /* glibc then uses clone, whose flags can be seen */
		/* The node's page cache is everybody's. */
		PRETEND(sync),
		PRETEND(syncfs),
		PRETEND(fadvise64),
#ifdef SYS_process_madvise
		PRETEND(process_madvise),
#endif
		PRETEND_EVICTION(madvise),
		/* Counted by user, whatever the namespace. */
		IF(fanotify_init, EMFILE),
		IF(inotify_init1, EMFILE),
#ifdef SYS_inotify_init
		IF(inotify_init, EMFILE),
#endif
		/* So is memory that is pinned: here for the buffers of its events. */
		IF(perf_event_open, EACCES),
		IF_SENT_WITHOUT_COPY(setsockopt),
		IF_FOREIGN_SOCKET(socket),
		IF_FOREIGN_SOCKET(socketpair),
		IF_NEW_NAMESPACE(unshare),
		IF_NEW_NAMESPACE(clone),
		ALLOW,
	};
	struct sock_fprog program = { .len = sizeof(rules) / sizeof(*rules), .filter = rules };

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return refuse(errno, "system call filter");
	return 0;
}

/* What the kernel counts by user is shared with the user's live work: a shadow gets this part of it. */
#define SHARE 8

static int lower(int resource)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
		return refuse(errno, "limit %d", resource);
	limit.rlim_max = limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? limit.rlim_cur : limit.rlim_max / SHARE;
	return setrlimit((__rlimit_resource_t)resource, &limit) < 0 ? refuse(errno, "limit %d", resource) : 0;
}

static int lower_limits_of_user(void)
{
	return lower(RLIMIT_SIGPENDING) || lower(RLIMIT_MSGQUEUE) ? -1 : 0;
}

static int crashes_start_a_handler(void)
{
	char first = '|';
	int pattern = open("/proc/sys/kernel/core_pattern", O_RDONLY | O_CLOEXEC);

	if (pattern >= 0 && read(pattern, &first, 1) < 0)
		first = '|';
	if (pattern >= 0)
		close(pattern);
	return first == '|';
}

/* A crash must not start the node's crash handler, which runs outside. A limit of 0 would: the kernel
 * takes 1 as the sign that nothing is wanted. Where the site has set 0 for good, that is enough without one. */
static int no_core_dumps(void)
{
	struct rlimit nothing = { 1, 1 }, limit = nothing;

	if (setrlimit(RLIMIT_CORE, &nothing) == 0)
		return 0;
	int error = errno;
	if (getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max == 0 && !crashes_start_a_handler())
		return 0;
	return refuse(error, "core dumps");
}

int sandbox_privileges(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return refuse(errno, "no new privileges");
	/* Core dumps may need a right that only root of the node has. */
	return no_core_dumps() || sandbox_user_namespace() || lower_limits_of_user() || drop_capabilities() ||
			       filter_calls() ?
		       -1 :
		       0;
}
