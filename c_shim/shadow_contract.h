/*
 * The contract about shadows: between those who start one (sbatch's option, the clone), the sandbox that it
 * runs in, and the sampler beside it.
 * Rust's side of this file is src/shadow/contract.rs, made from it by bindgen.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SHADOWFIT_SHADOW_CONTRACT_H
#define SHADOWFIT_SHADOW_CONTRACT_H

#include <stdint.h>

/* The option --shadowfit, and how Slurm carries it to slurmctld and to the nodes. */
#define SHADOWFIT_OPTION "shadowfit"
#define SHADOWFIT_OPTION_VARIABLE "_SLURM_SPANK_OPTION_shadowfit_shadowfit"
/* Its value for a job that is to be left alone. */
#define SHADOWFIT_OFF "off"
/* For a job that is to be measured by a shadow, however well its kind is known. */
#define SHADOWFIT_MEASURE "measure"
/* Its value for a shadow: this, then the fields of a mark in their order, with ':' between them. Each is of digits alone, of
 * no more than its type can hold. */
#define SHADOWFIT_MARK_PREFIX "shadow:"
#define SHADOWFIT_MARK_SCAN SHADOWFIT_MARK_PREFIX "%18[0-9]:%18lld:%9u:%18lu:%18lu:%18lu%n"
#define SHADOWFIT_MARK_FIELDS 6
/* Room for one, and its end. */
#define SHADOWFIT_MARK_SIZE 160
/* What job_submit writes into AdminComment of a shadow that root or SlurmUser submits, from the mark's job and
 * the mark. A node runs no shadow without it. */
#define SHADOWFIT_SHADOW_COMMENT "{\"shadowfit\":1,\"shadow_of\":\"%s\",\"mark\":\"%s\"}"
/* Users below are the system's: no shadow of theirs runs, unless a site says otherwise. */
#define SHADOWFIT_LEAST_UID 1000

/* How a shadow is to run. */
struct shadowfit_mark {
	char job[32];	 /* whose shadow it is: its number; "0" for nobody's */
	long long until; /* when its window ends, in seconds since 1970 */
	unsigned cpus;	 /* that the job asked for */
	unsigned long scratch_mib, pids, io_mib;
};

/* What the names of a shadow's own cgroups begin with; its cluster and job follow. */
#define SHADOWFIT_GROUP_PREFIX "shadowfit_"

/* In the environment of a submission, from sbatch to slurmctld: the size of its input. */
#define SHADOWFIT_INPUT_VARIABLE "SHADOWFIT_INPUT_BYTES"
/* In the environment of a shadow: the license servers that its job may ask, "27000@lic1,27001@10.0.0.7". */
#define SHADOWFIT_SERVERS_VARIABLE "SHADOWFIT_LICENSE_SERVERS"

/* In the environment of a shadow, before a variable that its submission has put others in place of: its job's own, and
 * the name alone of one that its job does not have. The node gives it that. */
#define SHADOWFIT_SET_PREFIX "SHADOWFIT_SET_"
#define SHADOWFIT_UNSET_PREFIX "SHADOWFIT_UNSET_"

/* What a shadow's script begins with, so that it does nothing where no sandbox takes this away. */
#define SHADOWFIT_STUB "#!/bin/sh\nexit 64 # only a sandbox of shadowfit runs what follows\n"

/* The programs beside each other in one folder of every node. */
#define SHADOWFIT_PROGRAMS "/usr/local/libexec/shadowfit"
#define SHADOWFIT_SAMPLER "shadowfit-sampler"
#define SHADOWFIT_STANDIN "shadowfit-standin"

/* First words of the lines that the sandbox, or the step, reports to its sampler. */
#define SHADOWFIT_REPORT_PID "pid"	   /* of the sandbox's init */
#define SHADOWFIT_REPORT_READY "ready"	   /* all parts of the sandbox have been taken */
#define SHADOWFIT_REPORT_REFUSED "refused" /* why there is none */
#define SHADOWFIT_REPORT_EXIT "exit"	   /* code of the script, 128 + its signal */

/* Inside a sandbox: what the sampler looks at there. */
#define SHADOWFIT_RUN "/run/shadowfit"
#define SHADOWFIT_SCRATCH SHADOWFIT_RUN "/scratch" /* the file system that holds all that is written */
#define SHADOWFIT_NOTES SHADOWFIT_RUN "/notes"	   /* what the stand-ins were asked for */

/* License server N of the list, from 0, answers at this address + N + 1, if it is named and not numbered. */
#define SHADOWFIT_SERVERS_NETWORK 0x7f4d0000u /* 127.77.0.0 */
#define SHADOWFIT_MOST_SERVERS 64

#endif
