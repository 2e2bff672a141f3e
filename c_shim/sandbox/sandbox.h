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

/* What a shadow may use. */
struct sandbox {
	const char *name;    /* of its cgroups, unique on this machine */
	const char *script;  /* the stub that Slurm starts; its payload takes its place */
	const char *standin; /* stands in for srun, mpirun, sbatch, ... */
	const char *path;    /* the job's PATH */
	const char *home;    /* may be NULL */
	const char *license_servers; /* "27000@lic1,27001@10.0.0.7", answered on the sandbox's loopback */
	uint64_t memory_bytes;
	uint64_t scratch_bytes; /* of that, for what it writes */
	uint64_t io_bytes_per_s; /* from and to each disk */
	unsigned pids;
	int report; /* lines for the sampler, SHADOWFIT_REPORT_... */
	int go;     /* one byte from the sampler: it watches, the job may start */
};

/*
 * Enters the sandbox. Called as root, in the process that is about to become the job. Returns 0 in
 * a child inside, which is to run the script; the caller itself waits outside and ends with that
 * child. Returns -1, with the reason told, when any part cannot be had: then nothing may run.
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

/* Writes into the hosts file of the new root where the sandbox's loopback answers for license servers. */
int sandbox_license_hosts(const struct sandbox *wish, const char *root);

/* Puts the stand-in over every launcher that the job could start; `root` is the new root. */
int sandbox_standins(const struct sandbox *wish, const char *root);

/* Ends what still runs in the cgroups of `name` and removes them; for a node that comes back. */
void sandbox_clear(const char *name);

/* Remembers why there is no sandbox, with errno's text where `error` is not 0. Returns -1. */
int refuse(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What refuse() remembered last. */
const char *sandbox_refusal(void);

#endif
