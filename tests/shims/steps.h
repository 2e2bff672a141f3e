/*
 * Steps of every form, and all that the plugin may do in each of them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SHADOWFIT_TESTS_STEPS_H
#define SHADOWFIT_TESTS_STEPS_H

#include "stepd.h"

#define MARK "shadow:5:9999999999:8:64:100:10"
#define COMMENT_OF(mark) "{\"shadowfit\":1,\"shadow_of\":\"5\",\"mark\":\"" mark "\"}"
#define CLUSTER "SLURM_CLUSTER_NAME=tux"
#define SERVERS SHADOWFIT_SERVERS_VARIABLE "=27000@lic1"
#define USER 1000

static const char *const plain_environment[] = { CLUSTER, SERVERS, NULL };
static char *plain_arguments[] = { "/spool/job00007/slurm_script", "a", NULL };
static char *odd_arguments[] = { "/sp\nool/\"'$(x)`\\ \xff", "\n", "\"", "'", "", "\xff\xfe", NULL };
static char *empty_arguments[] = { "", NULL };
static char *thousand_arguments[1001];
static char long_text[100001], long_comment[(1 << 20) + 1], long_cluster[200], thousand_servers[4096];

/* A shadow as the agent starts it. */
#define RIGHT .setting = "", .mark = MARK, .id = SLURM_BATCH_SCRIPT, .uid = USER, .lacks = -1, .memory_mib = 1024, .argc = 2, \
	      .argv = plain_arguments, .environment = plain_environment, .records = 1, .owner = USER, .comment = COMMENT_OF(MARK)

#define SAMPLER(cluster, until, servers) \
	"sampler shadow --job 7 --shadow-of 5 --group shadowfit_" cluster "_7 --until " until " --license-servers " servers
#define RUNS_AS(cluster, until, servers) \
	"sandbox shadowfit_" cluster "_7\nscript\n" SAMPLER(cluster, until, servers) ", told pid 1\ncleared shadowfit_" cluster "_7\n"
#define RUNS RUNS_AS("tux", "9999999999", "27000@lic1")
#define REFUSED(why) "shadowfit: refused: this is no shadow: " why "\nended with 125\n"
#define UNKNOWN REFUSED("slurmctld knows of no such shadow")
#define NO_BATCH REFUSED("only a batch script can be one")
#define NO_USER REFUSED("its user is root or a user of the system")
#define IS_OVER REFUSED("its time is over")
#define NO_SANDBOX \
	"no sandbox\n" SAMPLER("tux", "9999999999", "27000@lic1") ", told pid 1\ncleared shadowfit_tux_7\nended with 125\n"
/* A batch script as any other, and what the option says of a text that is no value. */
#define JOB_RUNS "script\nsampler job --job 7 --user 1000, told exit 0\n"
#define NO_VALUE(text) "shadowfit: --shadowfit=" text ": the values are 'off' and 'measure'\n" JOB_RUNS
#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Each case says what is other than in a shadow as it should be. */
#pragma GCC diagnostic ignored "-Woverride-init"
static const struct step steps[] = {
	{ RIGHT, .title = "a shadow", .expected = RUNS },
	/* Whose step it is. */
	{ RIGHT, .title = "step 0", .id = 0, .expected = NO_BATCH },
	{ RIGHT, .title = "an interactive step", .id = SLURM_INTERACTIVE_STEP, .expected = NO_BATCH },
	{ RIGHT, .title = "the extern step", .id = SLURM_EXTERN_CONT, .expected = NO_BATCH },
	{ RIGHT, .title = "a step of no number", .lacks = S_JOB_STEPID, .expected = NO_BATCH },
	{ RIGHT, .title = "root", .uid = 0, .owner = 0, .expected = NO_USER },
	{ RIGHT, .title = "a user of the system", .uid = 999, .owner = 999, .expected = NO_USER },
	{ RIGHT, .title = "a user who may", .setting = "least_uid=999", .uid = 999, .owner = 999, .expected = RUNS },
	{ RIGHT, .title = "a user who may not", .setting = "least_uid=1001", .expected = NO_USER },
	{ RIGHT, .title = "a user of no number", .lacks = S_JOB_UID, .expected = NO_USER },
	{ RIGHT, .title = "root, where everybody may", .setting = "least_uid=0", .uid = 0, .owner = 0, .expected = NO_USER },
	{ RIGHT, .title = "a system's user and a limit that is none", .setting = "least_uid=", .uid = 999, .owner = 999, .expected = NO_USER },
	{ RIGHT, .title = "a limit of letters", .setting = "least_uid=x", .uid = 999, .owner = 999, .expected = NO_USER },
	{ RIGHT, .title = "a limit and letters", .setting = "least_uid=5OO", .uid = 999, .owner = 999, .expected = NO_USER },
	{ RIGHT, .title = "a limit that no type holds", .setting = "least_uid=4294967296", .uid = 999, .owner = 999, .expected = NO_USER },
	{ RIGHT, .title = "a limit below zero", .setting = "least_uid=-1", .expected = RUNS },
	/* When. */
	{ RIGHT, .title = "expired", .mark = "shadow:5:1700000000:8:64:100:10", .comment = COMMENT_OF("shadow:5:1700000000:8:64:100:10"),
	  .expected = IS_OVER },
	{ RIGHT, .title = "until nothing", .mark = "shadow:5:0:8:64:100:10", .comment = COMMENT_OF("shadow:5:0:8:64:100:10"), .expected = IS_OVER },
	/* The record. */
	{ RIGHT, .title = "slurmctld is silent", .does_not_answer = 1, .expected = REFUSED("slurmctld does not answer") },
	{ RIGHT, .title = "no record", .records = 0, .expected = UNKNOWN },
	{ RIGHT, .title = "two records", .records = 2, .expected = UNKNOWN },
	{ RIGHT, .title = "another user's", .owner = 1001, .expected = UNKNOWN },
	{ RIGHT, .title = "of nothing", .comment = NULL, .expected = UNKNOWN },
	{ RIGHT, .title = "of an empty note", .comment = "", .expected = UNKNOWN },
	{ RIGHT, .title = "of a decision", .comment = "{\"shadowfit\":1,\"kind\":{}}", .expected = UNKNOWN },
	{ RIGHT, .title = "of another mark", .comment = COMMENT_OF("shadow:5:9999999998:8:64:100:10"), .expected = UNKNOWN },
	{ RIGHT, .title = "of the mark and more", .comment = COMMENT_OF(MARK) " ", .expected = UNKNOWN },
	{ RIGHT, .title = "of the mark alone", .comment = MARK, .expected = UNKNOWN },
	{ RIGHT, .title = "of a huge note", .comment = long_comment, .expected = UNKNOWN },
	{ RIGHT, .title = "of no text", .comment = "{\"shadowfit\":1,\"shadow_of\":\"\xff\xfe\"", .expected = UNKNOWN },
	{ RIGHT, .title = "it ran before", .restarts = 1, .expected = REFUSED("it has run already") },
	/* The mark. */
	{ RIGHT, .title = "another job's", .mark = "shadow:6:9999999999:8:64:100:10", .expected = UNKNOWN },
	{ RIGHT, .title = "more for it", .mark = "shadow:5:9999999999:8:9999:100:10", .expected = UNKNOWN },
	{ RIGHT, .title = "the same in other words", .mark = "shadow:05:9999999999:8:64:100:10", .expected = UNKNOWN },
	{ RIGHT, .title = "as large as they come", .mark = "shadow:5:999999999999999999:999999999:999999999999999999:999999999999999999:999999999999999999",
	  .comment = COMMENT_OF("shadow:5:999999999999999999:999999999:999999999999999999:999999999999999999:999999999999999999"),
	  .expected = RUNS_AS("tux", "999999999999999999", "27000@lic1") },
	{ RIGHT, .title = "none", .mark = NULL, .expected = JOB_RUNS },
	{ RIGHT, .title = "off", .mark = "off", .expected = JOB_RUNS },
	{ RIGHT, .title = "empty", .mark = "", .expected = NO_VALUE("") },
	{ RIGHT, .title = "of no fields", .mark = "shadow:", .expected = NO_VALUE("shadow:") },
	{ RIGHT, .title = "of five fields", .mark = "shadow:5:9999999999:8:64:100", .expected = NO_VALUE("shadow:5:9999999999:8:64:100") },
	{ RIGHT, .title = "none that its record repeats", .mark = "shadow:5:9999999999:8:64:", .comment = COMMENT_OF("shadow:5:9999999999:8:64:"),
	  .expected = NO_VALUE("shadow:5:9999999999:8:64:") },
	{ RIGHT, .title = "with a sign that its record repeats", .mark = "shadow:5:+9999999999:8:64:100:10",
	  .comment = COMMENT_OF("shadow:5:+9999999999:8:64:100:10"), .expected = NO_VALUE("shadow:5:+9999999999:8:64:100:10") },
	{ RIGHT, .title = "with a line behind it", .mark = MARK "\n", .expected = NO_VALUE(MARK "\n") },
	{ RIGHT, .title = "with quotes", .mark = "shadow:\"5\":1:1:1:1:1", .expected = NO_VALUE("shadow:\"5\":1:1:1:1:1") },
	{ RIGHT, .title = "of no text", .mark = "shadow:\xff\xfe:1:1:1:1:1", .expected = NO_VALUE("shadow:\xff\xfe:1:1:1:1:1") },
	{ RIGHT, .title = "of formats", .mark = "%s%n%s%n", .expected = NO_VALUE("%s%n%s%n") },
	{ RIGHT, .title = "huge", .mark = long_text,
	  .expected = "shadowfit: --shadowfit=" A50 A50 A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaa\n" JOB_RUNS },
	/* What the step is made of. */
	{ RIGHT, .title = "a wish", .shows_wish = 1, .setting = "overlay_over=beegfs",
	  .environment = (const char *const[]){ CLUSTER, SERVERS, "PATH=/bin:/x y", "HOME=/home/a", NULL },
	  .expected = "sandbox shadowfit_tux_7 for 1000:1000+2, /spool/job00007/slurm_script /shadowfit-standin, PATH /bin:/x y, HOME /home/a, "
		      "servers 27000@lic1, over beegfs, memory 1065353216, scratch 67108864, io 10485760, pids 100\nscript\n"
		      SAMPLER("tux", "9999999999", "27000@lic1") ", told pid 1\ncleared shadowfit_tux_7\n" },
	{ RIGHT, .title = "a wish of nothing", .shows_wish = 1, .argc = 0, .argv = NULL, .memory_mib = 0, .environment = (const char *const[]){ NULL },
	  .expected = "sandbox shadowfit_cluster_7 for 1000:1000+2,  /shadowfit-standin, PATH , HOME none, servers , over none, memory 0, "
		      "scratch 67108864, io 10485760, pids 100\nscript\n"
		      SAMPLER("cluster", "9999999999", "") ", told pid 1\ncleared shadowfit_cluster_7\n" },
	{ RIGHT, .title = "little memory", .memory_mib = 8, .shows_wish = 1, .argc = 1, .argv = empty_arguments, .lacks = S_JOB_SUPPLEMENTARY_GIDS,
	  .expected = "sandbox shadowfit_tux_7 for 1000:1000+0,  /shadowfit-standin, PATH , HOME none, servers 27000@lic1, over none, "
		      "memory 7340032, scratch 67108864, io 10485760, pids 100\nscript\n"
		      SAMPLER("tux", "9999999999", "27000@lic1") ", told pid 1\ncleared shadowfit_tux_7\n" },
	{ RIGHT, .title = "more memory than there is", .memory_mib = UINT64_MAX, .expected = RUNS },
	{ RIGHT, .title = "a thousand arguments", .argc = 1000, .argv = thousand_arguments, .expected = RUNS },
	{ RIGHT, .title = "odd arguments", .argc = 6, .argv = odd_arguments, .expected = RUNS },
	{ RIGHT, .title = "no sandbox", .has_no_sandbox = 1, .expected = NO_SANDBOX },
	{ RIGHT, .title = "no descriptors", .has_no_descriptors = 1,
	  .expected = "init_post_opt failed\nno sandbox\ncleared shadowfit_tux_7\nended with 125\n" },
	/* Its environment. */
	{ RIGHT, .title = "a path for a cluster", .environment = (const char *const[]){ "SLURM_CLUSTER_NAME=../../[a]", SERVERS, NULL },
	  .expected = RUNS_AS("cluster", "9999999999", "27000@lic1") },
	{ RIGHT, .title = "a line in a cluster's name", .environment = (const char *const[]){ "SLURM_CLUSTER_NAME=a\nb", SERVERS, NULL },
	  .expected = RUNS_AS("cluster", "9999999999", "27000@lic1") },
	{ RIGHT, .title = "an empty cluster", .environment = (const char *const[]){ "SLURM_CLUSTER_NAME=", SERVERS, NULL },
	  .expected = RUNS_AS("cluster", "9999999999", "27000@lic1") },
	{ RIGHT, .title = "a long cluster", .environment = (const char *const[]){ long_cluster, SERVERS, NULL },
	  .expected = RUNS_AS("cluster", "9999999999", "27000@lic1") },
	{ RIGHT, .title = "a thousand servers", .environment = (const char *const[]){ CLUSTER, thousand_servers, NULL },
	  .expected = RUNS_AS("tux", "9999999999", "") },
	{ RIGHT, .title = "the job's own variables", .shows_environment = 1,
	  .environment = (const char *const[]){ CLUSTER, SERVERS, "SHADOWFIT_SET_A=1", "A=0", "SHADOWFIT_UNSET_B=", "B=1", "SHADOWFIT_SET_C=x\n\"'\xff=",
						"SLURM_UMASK=0027", "SLURM_RLIMIT_NOFILE=U99", NULL },
	  .expected = "sandbox shadowfit_tux_7\numask 27, 99 files: script\n" CLUSTER "|" SERVERS
		      "|SLURM_CPUS_PER_TASK=8|SLURM_CPUS_ON_NODE=8|SLURM_JOB_CPUS_PER_NODE=8|A=1|C=x\n\"'\xff=\n"
		      SAMPLER("tux", "9999999999", "27000@lic1") ", told pid 1\ncleared shadowfit_tux_7\n" },
	{ RIGHT, .title = "variables that set others", .shows_environment = 1,
	  .environment = (const char *const[]){ CLUSTER, SERVERS, "SHADOWFIT_SET_SHADOWFIT_SET_A=1", "SHADOWFIT_SET_SHADOWFIT_UNSET_B=", "B=1",
						"SHADOWFIT_SET_=2", "SHADOWFIT_SET_A=3", "SLURM_UMASK=7777777777777777777777777777",
						"SLURM_RLIMIT_NOFILE=99999999999999999999999999999999999999", "SLURM_RLIMIT_MEMLOCK=-x", NULL },
	  .expected = "sandbox shadowfit_tux_7\numask 22, 1000 files: script\n" CLUSTER "|" SERVERS
		      "|SLURM_RLIMIT_NOFILE=99999999999999999999999999999999999999|SLURM_CPUS_PER_TASK=8|SLURM_CPUS_ON_NODE=8"
		      "|SLURM_JOB_CPUS_PER_NODE=8|=2|A=1\n"
		      SAMPLER("tux", "9999999999", "27000@lic1") ", told pid 1\ncleared shadowfit_tux_7\n" },
	/* Steps that nobody marked. */
	{ RIGHT, .title = "a job without profile", .mark = NULL, .setting = "profile=off", .expected = "script\n" },
	{ RIGHT, .title = "a configuration elsewhere", .mark = NULL, .setting = "config=/x.toml",
	  .expected = "script\nsampler job --job 7 --user 1000 --config /x.toml, told exit 0\n" },
	{ RIGHT, .title = "a script that fails", .mark = NULL, .task_ends_with = 3, .expected = "script\nsampler job --job 7 --user 1000, told exit 3\n" },
	{ RIGHT, .title = "a job of nobody", .mark = NULL, .lacks = S_JOB_UID,
	  .expected = "script\nsampler job --job 7 --user 4294967295, told exit 0\n" },
	{ RIGHT, .title = "a step on another node", .mark = NULL, .id = 0, .node = 1,
	  .environment = (const char *const[]){ "SLURM_JOB_NODELIST=n1,n2", "SLURM_STEP_NODELIST=n1,n2", NULL },
	  .expected = "sampler node --job 7 --user 1000 --node n2\n" },
	{ RIGHT, .title = "a step beside the script", .mark = NULL, .id = 0, .node = 0,
	  .environment = (const char *const[]){ "SLURM_JOB_NODELIST=n1,n2", "SLURM_STEP_NODELIST=n1,n2", NULL }, .expected = "" },
	{ RIGHT, .title = "a node that is not in the list", .mark = NULL, .id = 0, .node = 4000000000,
	  .environment = (const char *const[]){ "SLURM_JOB_NODELIST=n1", "SLURM_STEP_NODELIST=n2", NULL }, .expected = "" },
	{ RIGHT, .title = "a list of nothing", .mark = NULL, .id = 0,
	  .environment = (const char *const[]){ "SLURM_JOB_NODELIST=", "SLURM_STEP_NODELIST=,,", NULL }, .expected = "" },
};

#define STEPS (sizeof(steps) / sizeof(*steps))

/* What no literal is long enough for. */
static void make_long_ones(void)
{
	memset(long_text, 'a', sizeof(long_text) - 1);
	memset(long_comment, '{', sizeof(long_comment) - 1);
	memset(long_cluster, 'c', sizeof(long_cluster) - 1);
	memcpy(long_cluster, "SLURM_CLUSTER_NAME=", strlen("SLURM_CLUSTER_NAME="));
	memset(thousand_servers, ',', sizeof(thousand_servers) - 1);
	memcpy(thousand_servers, SHADOWFIT_SERVERS_VARIABLE "=", strlen(SHADOWFIT_SERVERS_VARIABLE) + 1);
	for (size_t which = 0; which < 1000; which++)
		thousand_arguments[which] = which % 2 ? "" : long_text;
}

#endif
