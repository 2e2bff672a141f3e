/*
 * The contract between the shims, which Slurm loads, and the core, which decides.
 * No Slurm type stands here: whoever reads a Slurm struct copies it into these.
 * Rust's side of this file is src/slurmctld/contract.rs, made from it by bindgen.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SHADOWFIT_CORE_H
#define SHADOWFIT_CORE_H

#include <stdint.h>

/* Raised by every change of this file; a core with another number is not used. */
#define SHADOWFIT_ABI 10u

/* "The user did not say" in a number, whatever Slurm's NO_VAL of that width is. */
#define SHADOWFIT_UNSET 0xffffffffffffffffu

/* Bits of shadowfit_request.traits. */
#define SHADOWFIT_EXCLUSIVE 1u   /* --exclusive in any form */
#define SHADOWFIT_HETEROGENEOUS 2u /* a component of a het job */
#define SHADOWFIT_MEM_PER_GPU 4u
#define SHADOWFIT_REQUEUEABLE 8u /* may run again if it dies */
#define SHADOWFIT_CANNOT_WAIT 16u /* has a begin time or a reservation of its own */
#define SHADOWFIT_GPUS 32u
#define SHADOWFIT_OWN_TIME_MIN 64u /* --time-min */
#define SHADOWFIT_TRUSTED 128u /* submitted by root or SlurmUser, in whatever name */
#define SHADOWFIT_OWN_CPUS 256u /* --mincpus, or more CPUs by a plugin of the site: more than its tasks have */
#define SHADOWFIT_OWN_MEMORY 512u /* --mem-update: Slurm lowers it by itself */
#define SHADOWFIT_CRON 1024u /* by scrontab: it comes again and again, and Slurm lets nobody change it */
#define SHADOWFIT_LATER 2048u /* is held, or waits for a time of its own */
#define SHADOWFIT_OWN_INPUT 4096u /* --input: its script reads a file */
#define SHADOWFIT_CONTAINER 8192u /* its script runs in a container */
#define SHADOWFIT_BURST_BUFFER 16384u /* its files are brought to where it runs */
#define SHADOWFIT_EXPEDITED 32768u /* --requeue=expedite: Slurm requeues and holds it by itself */
#define SHADOWFIT_FROM_A_JOB 65536u /* by an sbatch in a batch job, whose own output is what that prints */

/* Bits of shadowfit_answer.actions. */
#define SHADOWFIT_SET_MEMORY 1u
#define SHADOWFIT_SET_CPUS 2u
#define SHADOWFIT_SET_COMMENT 4u
#define SHADOWFIT_NOTIFY_USER 8u
#define SHADOWFIT_LOG 16u
#define SHADOWFIT_DELAY 32u
#define SHADOWFIT_SET_TIME_MIN 64u
#define SHADOWFIT_SET_TIME_LIMIT 128u
#define SHADOWFIT_SET_LICENSES 256u
#define SHADOWFIT_REFUSE 512u /* the submission, with the text for the user */

#define SHADOWFIT_COMMENT_SIZE 1025
#define SHADOWFIT_TEXT_SIZE 512
#define SHADOWFIT_LICENSES_SIZE 256

/* What a user asked for. Texts end in NUL and may be NULL; they are read during the call only. */
struct shadowfit_request {
	uint32_t uid;
	uint32_t traits;
	const char *account;
	const char *partition;
	const char *name;
	const char *script;
	const char *const *argv; /* argv[0] is the script */
	uint32_t argc;
	const char *admin_comment;
	const char *licenses;
	const char *const *spank_env; /* NAME=value, as SPANK options travel */
	uint32_t spank_env_count;
	uint64_t memory_per_node_mib; /* 0: all the memory of the node */
	uint64_t memory_per_cpu_mib;
	uint64_t cpus_per_task;
	uint64_t tasks;
	uint64_t tasks_per_node;
	uint64_t min_nodes;
	uint64_t max_nodes;
	uint64_t time_limit_min;
	const char *comment;
	const char *work_dir;
	const char *array; /* --array, as the user wrote it */
};

/* What to do. Only the fields that `actions` names are to be read. */
struct shadowfit_answer {
	uint32_t actions;
	uint32_t cpus_per_task;
	uint32_t time_min; /* minutes; also the time limit where that is set */
	uint64_t memory_mib; /* in the form of the request: per node or per CPU */
	uint64_t delay_s; /* from now until the job may begin */
	char licenses[SHADOWFIT_LICENSES_SIZE]; /* empty for none */
	char comment[SHADOWFIT_COMMENT_SIZE]; /* for AdminComment */
	char text[SHADOWFIT_TEXT_SIZE]; /* for the user */
	char log[SHADOWFIT_TEXT_SIZE]; /* for slurmctld's log */
};

/* The number of this file that the core was built with. */
uint32_t shadowfit_abi(void);

/* Reads the configuration and the snapshot once, in full. Called before any decision; only
 * SHADOWFIT_LOG can be answered. */
void shadowfit_open(struct shadowfit_answer *answer);

/* Decides about one job. Never blocks, never fails: in doubt, no action. */
void shadowfit_decide(const struct shadowfit_request *request, struct shadowfit_answer *answer);

#endif
