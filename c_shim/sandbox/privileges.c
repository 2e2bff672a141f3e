/*
 * What a shadow may ask of the kernel: no new privileges, no namespaces or mounts of its own,
 * no keyrings.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "sandbox.h"

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#else
#error "no system call filter for this architecture yet"
#endif

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
#define IF_NEW_NAMESPACE(call)                                                                      \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 4), LOAD(args[0]),                       \
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NEW_NAMESPACES, 0, 1), ANSWER(EPERM), ALLOW

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
		IF_NEW_NAMESPACE(unshare),
		IF_NEW_NAMESPACE(clone),
		ALLOW,
	};
	struct sock_fprog program = { .len = sizeof(rules) / sizeof(*rules), .filter = rules };

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return refuse(errno, "system call filter");
	return 0;
}

/* A crash must not start the node's crash handler, which runs outside. A limit of 0 would: the kernel
 * takes 1 as the sign that nothing is wanted. */
static int no_core_dumps(void)
{
	struct rlimit nothing = { 1, 1 };

	return setrlimit(RLIMIT_CORE, &nothing) < 0 ? refuse(errno, "core dumps") : 0;
}

int sandbox_privileges(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return refuse(errno, "no new privileges");
	return no_core_dumps() || drop_capabilities() || filter_calls() ? -1 : 0;
}
