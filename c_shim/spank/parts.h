/*
 * What the parts of the SPANK plugin have in common. Each part is a file; plugin.c holds Slurm's entry
 * points and calls them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SHADOWFIT_SPANK_PARTS_H
#define SHADOWFIT_SPANK_PARTS_H

#include <limits.h>
#include <stddef.h>

#include "../shadow_contract.h"
#include "../slurm_compat.h"

/* Room for the name of a shadow's cgroups. */
#define GROUP_SIZE 160
/* Room for a list of license servers. */
#define SERVERS_SIZE 2048

/* plugin.c: what plugstack.conf says. */
struct settings {
	const char *programs; /* the folder of shadowfit-sampler and shadowfit-standin */
	const char *config;   /* the sampler's shadowfit.toml; empty for the one beside slurm.conf */
	int profiles;	      /* batch jobs are watched */
	uid_t least_uid;      /* users below have no shadows */
	const char *overlay_over; /* types of file systems, or NULL */
};
extern struct settings settings;

/* option.c: what --shadowfit says. Its job is empty in every job that is no shadow. */
extern struct shadowfit_mark shadow;
int option_register(spank_t spank);
/* The mark as it was given. */
const char *option_mark(void);
/* This submission or step has a mark. */
int is_marked(void);
/* This step, on its node, is marked as a shadow. */
int is_shadow(spank_t spank);

/* trust.c: why a marked step is no shadow; NULL if it is one. Asks slurmctld. */
const char *shadow_forged(spank_t spank);

/* shadow.c */
unsigned long own_job(spank_t spank);
void shadow_group(spank_t spank, char *name);
void shadow_license_servers(spank_t spank, char *servers);
/* As the step starts: finds out whether it is a shadow. */
void shadow_prepare(spank_t spank);
/* Why a marked step is none; NULL otherwise. */
const char *shadow_refused(void);
/* In the process that is about to become the shadow: returns inside of its sandbox, or not at all. */
void shadow_enter(spank_t spank);
/* Its script has ended: nothing of it stays, in memory or in cgroups. */
void shadow_end(spank_t spank);
/* After whatever killed sampler and slurmstepd: no process and no cgroup of a shadow stays. */
void shadow_clear(void);

/* clone.c: in a shadow that is about to run, as its user. */
void clone_restore(spank_t spank);

/* sampler.c: the program beside each batch job and shadow, outside of its cgroup. */
int sampler_prepare(spank_t spank);
int sampler_start(spank_t spank);
void sampler_report_exit(spank_t spank);
/* The step must not end before its counters are in AdminComment. */
void sampler_await(spank_t spank);
/* Ends of its pipes, for a sandbox: lines to it; one byte from it once it watches. */
int sampler_report_pipe(void);
int sampler_go_pipe(void);

#endif
