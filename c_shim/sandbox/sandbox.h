/*
 * The sandbox that a shadow runs in: it sees the node as its job would, and changes nothing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SHADOWFIT_SANDBOX_H
#define SHADOWFIT_SANDBOX_H

#include <stdint.h>
#include <sys/types.h>

#include "../shadow_contract.h"

/* Where the node shows its cgroups. */
#define CGROUPS "/sys/fs/cgroup"

/* What a shadow may use. All texts but the name and the programs' folder are its user's. */
struct sandbox {
	const char *name;    /* of its cgroups, unique on this machine */
	const char *script;  /* the stub that Slurm starts; its payload takes its place */
	const char *standin; /* stands in for srun, mpirun, sbatch, ... */
	const char *path;    /* the job's PATH */
	const char *home;    /* may be NULL */
	const char *license_servers; /* "27000@lic1,27001@10.0.0.7", answered on the sandbox's loopback */
	const char *overlay_over; /* file systems of these types bear an overlay, too: "beegfs,wekafs"; may be NULL */
	uid_t uid;
	gid_t gid;
	const gid_t *groups; /* of the user, beyond gid */
	int group_count;
	uint64_t memory_bytes;
	uint64_t scratch_bytes; /* of that, for what it writes */
	uint64_t io_bytes_per_s; /* from and to each disk */
	unsigned pids;
	int report; /* lines for the sampler, SHADOWFIT_REPORT_... */
	int go;	    /* one byte from the sampler: it watches, the job may start */
};

/*
 * Enters the sandbox. Called as root, in the process that is about to become the job. Returns 0 in
 * a child inside, which is to run the script; the caller itself waits outside and ends with that
 * child. Returns -1, with the reason reported, when any part cannot be had: then nothing may run.
 * After a fork of a threaded program, so: C alone, and of the libraries only what stays usable there.
 * That is glibc's malloc and stdio, whose locks its fork makes new, as slurmstepd itself relies on
 * between its fork and this call; not Slurm's log, not the loader, not the name service.
 */
int sandbox_enter(const struct sandbox *wish);

/* The parts, in the order in which they are taken. Each returns 0, or -1 after refuse(). */
int sandbox_cgroups(const struct sandbox *wish);
int sandbox_root(const struct sandbox *wish);
int sandbox_network(const struct sandbox *wish);
int sandbox_privileges(void);

/* Into a user namespace of its own: no other process of its user reaches into it. */
int sandbox_user_namespace(void);

/* Into the groups of the process whose /proc/PID/cgroup is open as `outside`, below the folder of all cgroups
 * that is open as `root`, as far as there are none of the sandbox's own. */
void sandbox_follow(int outside, int root);

/* In the new root, before it is entered: /proc, /sys, /dev and /run of its own. */
int sandbox_kernel_folders(const struct sandbox *wish);

/* In the new root, once it is entered: puts the stand-in over every launcher that the job could start. */
int sandbox_standins(const struct sandbox *wish);

/* In the new root, once it is entered: its hosts file says where license servers answer. */
int sandbox_license_hosts(const struct sandbox *wish);

/* Ends what still runs in the cgroups of `name`, wherever Slurm has put them, and removes them. */
void sandbox_clear(const char *name);

/* Files are opened as the user between these two, and as root otherwise. */
int sandbox_as_user(const struct sandbox *wish);
int sandbox_as_root(void);

/* As the first, but with root's capabilities: file servers see the user alone, the node's own file systems root. */
int sandbox_as_user_with_capabilities(const struct sandbox *wish);

/* Opens `path` without a magic link on its way, and with `how` more of openat2's RESOLVE_ flags. */
int sandbox_open(int folder, const char *path, int flags, uint64_t how);

/* Shows the file `from` at `at`, read-only; from there it covers the files that are open as `target`. */
int sandbox_read_only(const char *from, const char *at);
int sandbox_cover_file(const char *read_only, int target);

/* A tmpfs of this one's own. */
int sandbox_tmpfs(const char *path, unsigned long flags, const char *options);

/* Remembers why there is no sandbox, with errno's text where `error` is not 0. Returns -1. */
int refuse(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What refuse() remembered last. */
const char *sandbox_refusal(void);

/* All is built on a tmpfs over /sys: a directory that every Linux has, that is mounted anew anyway, and
 * under which nothing lies that a job needs. */
#define STAGE "/sys"
#define NEW_ROOT STAGE "/root"
#define SCRATCH STAGE "/scratch"

#endif
