/*
 * The sandbox's way through cgroup v2 under sanitizers, in a folder that stands for the tree: where it finds itself, what it
 * writes and in which order, what it refuses, and whom it ends. What /proc/self/cgroup, cgroup.procs and the disks' files say
 * is given in hostile forms; what the kernel does there is done by tree.h. The sources are included as they stand.
 *
 * usage: cgroup_v2 FOLDER      prints how many cases there were
 *        cgroup_v2 overflow    does what a sanitizer must find
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include "tree.h"

#include "../../c_shim/sandbox/cgroups.h"
#undef CGROUPS
#define CGROUPS "tree"

#define mkdir kernel_mkdir
#define rmdir kernel_rmdir
#define lstat kernel_lstat
#define open kernel_open
#define opendir kernel_opendir
#define write kernel_write
#define kill kernel_kill
#define usleep kernel_usleep
#define fopen kernel_fopen
#include "../../c_shim/sandbox/cgroup_v2.c"
#include "../../c_shim/sandbox/cgroups.c"
#undef mkdir
#undef rmdir
#undef lstat
#undef open
#undef opendir
#undef write
#undef kill
#undef usleep
#undef fopen

/* There is the unified hierarchy alone. */
int cgroup_v1_own(const struct sandbox *wish)
{
	abort();
}

void cgroup_v1_clear(const char *name)
{
	abort();
}

static const char *top; /* the folder of all cases */
static unsigned cases, wrong;

static void make_folders(const char *path)
{
	char part[PATH_MAX];

	snprintf(part, sizeof(part), "%s", path);
	for (char *at = strchr(part, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			abort();
		*at = '/';
	}
}

/* A node of its own, with one disk. */
static void start_case(void)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof(folder), "%s/%u", top, cases++);
	if (mkdir(folder, 0755) < 0 || chdir(folder) < 0)
		abort();
	make_folders("block/sda/");
	put("block/sda", "dev", "8:0\n");
	done[0] = '\0';
	missing = NULL;
	slept = looks_left = 0;
	are_killed = false;
}

static void compare(const char *title, const char *expected)
{
	if (strcmp(done, expected) == 0)
		return;
	fprintf(stderr, "%s:\n--- found\n%s--- expected\n%s", title, done, expected);
	wrong++;
}

/* Slurm's groups of one job. */
static void make_job(void)
{
	static const char *const groups[] = { SCOPE, SCOPE "job_7", SCOPE "job_7/step_batch", SCOPE "job_7/step_batch/user" };

	make_folders("tree/system.slice/");
	for (size_t which = 0; which < sizeof(groups) / sizeof(*groups); which++)
		make_group(groups[which], "");
}

static void take_group(const char *own, const char *lacks)
{
	struct sandbox wish = { .name = NAME, .memory_bytes = 1000, .pids = 10, .io_bytes_per_s = 5 };
	char *text = strdup(own);

	own_cgroup = text;
	missing = lacks;
	if (cgroup_v2_own(&wish))
		note("refused: %s\n", sandbox_refusal());
	free(text);
}

#define OWN "0::/system.slice/n1_slurmstepd.scope/job_7/step_batch"
#define HANDED(group) group "cgroup.subtree_control +pids\n" group "cgroup.subtree_control +io\n"
#define HANDED_DOWN HANDED("") HANDED("job_7/") HANDED("job_7/step_batch/") HANDED(USER)
#define LIMITED GROUP "memory.max 1000\n" GROUP "pids.max 10\n"
#define SLOWED(idle, disk) \
	GROUP "memory.swap.max 0\n" GROUP "cpu.max 100000 100000\n" idle "job_7/cpu.weight 2\n" disk
#define IDLE GROUP "cpu.idle 1\n"
#define DISK(number) GROUP "io.max " number " rbps=5 wbps=5\n"
#define ENTERED GROUP "cgroup.procs 0\n"
#define TAKEN HANDED_DOWN LIMITED SLOWED(IDLE, DISK("8:0")) ENTERED
#define REMOVED "removed " USER NAME "\n"
#define NO_FILE ": No such file or directory\n"
#define NO_GROUP "refused: /proc/self/cgroup names no group of cgroup v2\n"
#define NO_JOB "refused: Slurm keeps this job in no cgroup of its own: tree"

static void find_itself(void)
{
	static const struct {
		const char *own, *lacks, *expected;
	} rows[] = {
		{ OWN "/slurm\n", NULL, TAKEN },
		{ OWN "/user/task_0\n", NULL, TAKEN },
		{ OWN "/user/task_0/deep/er\n", NULL, TAKEN },
		{ OWN "\n", NULL, TAKEN },
		{ OWN "/slurm", NULL, TAKEN },
		{ OWN "/slurm\n0::/b/step_1\n", NULL, TAKEN },
		{ "12:cpu,cpuacct:/x\n1:name=systemd:/step_1\n\n::\n:\n" OWN "/slurm\n", NULL, TAKEN },
		/* The last that looks like a step is the one. */
		{ OWN "/user/task_0/step_1/x\n", NULL, "refused: " SCOPE USER "task_0/step_1/user" NO_FILE },
		{ "", NULL, NO_GROUP },
		{ "\n", NULL, NO_GROUP },
		{ "0:", NULL, NO_GROUP },
		{ " " OWN "/slurm\n", NULL, NO_GROUP },
		{ "4:memory:/step_1\n00::/step_1\n", NULL, NO_GROUP },
		{ "0::", NULL, NO_JOB "\n" },
		{ "0::/\n", NULL, NO_JOB "/\n" },
		{ "0::step_1\n", NULL, NO_JOB "step_1\n" },
		{ "0::/step_\n", NULL, "refused: tree/step_/user" NO_FILE },
		{ "0::/../../step_batch/x\n", NULL, "refused: tree/../../step_batch/user" NO_FILE },
		{ "0::/\xff\xfe/step_\xff/x\n", NULL, "refused: tree/\xff\xfe/step_\xff/user" NO_FILE },
		{ OWN " (deleted)\n", NULL, "refused: " SCOPE "job_7/step_batch (deleted)/user" NO_FILE },
		/* Without its limits there is no group. */
		{ OWN "/slurm\n", "memory.max", HANDED_DOWN REMOVED "refused: " SCOPE GROUP "memory.max" NO_FILE },
		{ OWN "/slurm\n", "pids.max", HANDED_DOWN GROUP "memory.max 1000\n" REMOVED "refused: " SCOPE GROUP "pids.max" NO_FILE },
		{ OWN "/slurm\n", "cgroup.procs",
		  HANDED_DOWN LIMITED SLOWED(IDLE, DISK("8:0")) REMOVED "refused: " SCOPE GROUP "cgroup.procs" NO_FILE },
		/* Others only save live jobs some speed. */
		{ OWN "/slurm\n", "cpu.idle", HANDED_DOWN LIMITED SLOWED("", DISK("8:0")) ENTERED },
		{ OWN "/slurm\n", "io.max", HANDED_DOWN LIMITED SLOWED(IDLE, "") ENTERED },
	};

	for (size_t which = 0; which < sizeof(rows) / sizeof(*rows); which++) {
		start_case();
		make_job();
		take_group(rows[which].own, rows[which].lacks);
		compare(rows[which].own, rows[which].expected);
	}
}

/* `before`, so many bytes, and `after`. */
static void find_itself_behind(const char *before, size_t size, char byte, const char *after, const char *expected)
{
	size_t head = strlen(before);
	char *own = malloc(head + size + strlen(after) + 1);

	memcpy(own, before, head);
	memset(own + head, byte, size);
	memcpy(own + head + size, after, strlen(after) + 1);
	start_case();
	make_job();
	take_group(own, NULL);
	compare(before, expected);
	free(own);
}

/* The end of a long line is no line, wherever a reader may cut it. */
static void find_itself_in_long_lines(void)
{
	for (size_t size = PATH_MAX - 30; size < PATH_MAX + 10; size++)
		find_itself_behind("1:name=systemd:/", size, 'x', OWN "/slurm\n", NO_GROUP);
	find_itself_behind("1:name=systemd:/", 70000, 'x', "\n" OWN "/slurm\n", TAKEN);
	find_itself_behind("0::/", 70000, 'x', "/step_batch\n", NO_GROUP);
	find_itself_behind("0::/", 70000, 'x', "", NO_GROUP);
	find_itself_behind("0::", 2 * PATH_MAX, '/', "step_batch\n", NO_GROUP);
	find_itself_behind("0::", PATH_MAX - 30, '/', "step_batch\n", "refused: cgroup of the shadow: File name too long\n");
}

/* Cut at each byte, and each byte another: taken as it stands, or refused before anything is written. */
static void find_itself_in_pieces(void)
{
	const char *const whole = OWN "/slurm\n";

	for (size_t at = 0; whole[at]; at++)
		for (const char *other = "\x7f/"; other; other = *other ? other + 1 : NULL) {
			char *text = strdup(whole);
			text[at] = *other;
			start_case();
			make_job();
			take_group(text, NULL);
			if (strcmp(done, TAKEN) != 0 && strncmp(done, "refused: ", 9) != 0)
				compare(text, TAKEN);
			free(text);
		}
}

static void find_disks(void)
{
	static const struct {
		const char *number, *expected;
	} rows[] = {
		{ "8:0\n", DISK("8:0") },
		{ "259:1048575", DISK("259:1048575") },
		{ "8:0\n9:9\n", DISK("8:0") },
		{ "", "" },
		{ "\xff\xfe\n", DISK("\xff\xfe") },
		{ "99999999999999999999999999999999999999999999999999", DISK("9999999999999999999999999999999") },
	};

	for (size_t which = 0; which < sizeof(rows) / sizeof(*rows); which++) {
		char expected[4096];

		start_case();
		make_job();
		put("block/sda", "dev", rows[which].number);
		snprintf(expected, sizeof(expected), HANDED_DOWN LIMITED SLOWED(IDLE, "%s") ENTERED, rows[which].expected);
		take_group(OWN "/slurm\n", NULL);
		compare(rows[which].number, expected);
	}
}

static void take_what_there_is(void)
{
	start_case();
	make_job();
	make_group(SCOPE USER NAME, "");
	take_group(OWN "/slurm\n", NULL);
	compare("a group that is there", TAKEN);
	start_case();
	if (sandbox_cgroups(&(struct sandbox){ .name = NAME }) == 0)
		note("taken\n");
	compare("no memory", "");
	if (strcmp(sandbox_refusal(), "Slurm gives this job no memory of its own") != 0)
		wrong++;
}

#define BY_NUMBER(pid) pid " ends by 9\n"
#define KILLED GROUP "cgroup.kill 1\n"

static void end_processes(void)
{
	static const struct {
		const char *processes, *lacks, *expected;
	} rows[] = {
		{ "", NULL, REMOVED },
		{ "12\n13\n", NULL, KILLED REMOVED },
		{ "12\n13\n", "cgroup.kill", BY_NUMBER("12") BY_NUMBER("13") REMOVED },
		{ "12", "cgroup.kill", BY_NUMBER("12") REMOVED },
		{ "0\n12\n", "cgroup.kill", BY_NUMBER("12") REMOVED },
		{ "12\nx\n13\n", "cgroup.kill", BY_NUMBER("12") REMOVED },
		{ "2147483647\n", "cgroup.kill", BY_NUMBER("2147483647") REMOVED },
		/* No number means everybody, init or a group of processes. */
		{ "-1\n-7\n12\n", "cgroup.kill", BY_NUMBER("12") REMOVED },
		{ "4294967295\n4294967297\n12\n", "cgroup.kill", BY_NUMBER("12") REMOVED },
		{ "2147483648\n99999999999999999999999\n12\n", "cgroup.kill", BY_NUMBER("12") REMOVED },
		{ "-99999999999999999999999\n12\n", "cgroup.kill", BY_NUMBER("12") REMOVED },
		{ "\xff\xfe\n12\n", "cgroup.kill", "" },
		{ "\n", "cgroup.kill", "" },
	};

	for (size_t which = 0; which < sizeof(rows) / sizeof(*rows); which++) {
		start_case();
		make_job();
		missing = rows[which].lacks;
		make_group(SCOPE USER NAME, rows[which].processes);
		looks_left = 1;
		sandbox_clear(NAME);
		compare(rows[which].processes, rows[which].expected);
	}
}

/* A process in a call to a file server holds the step up, but not for ever. */
static void give_up_in_the_end(void)
{
	start_case();
	make_job();
	make_group(SCOPE USER NAME, "12\n");
	looks_left = UINT_MAX;
	sandbox_clear(NAME);
	if (slept != CGROUP_LOOKS(CLEAR_S) || access(SCOPE USER NAME, F_OK) < 0)
		wrong++;
}

/* Below Slurm's scopes, in however many slices, and roots alone. */
static void clear_its_own_alone(void)
{
	static const struct {
		const char *group;
		bool is_removed;
	} rows[] = {
		{ "tree/slurmstepd.scope/job_7/step_batch/user/" NAME, true },
		{ "tree/n1_slurmstepd.scope/job_7/step_batch/user/" NAME, true },
		{ "tree/a/b/c/d/n1_slurmstepd.scope/job_7/step_0/user/" NAME, true },
		{ "tree/a/b/c/d/e/n1_slurmstepd.scope/job_7/step_0/user/" NAME, false },
		{ "tree/a/n1_slurmstepd.scope/job_7/step_batch/user/" NAME "7", false },
		{ "tree/a/n1_slurmstepd.scope/job_7/step_batch/user/task_0/" NAME, false },
		{ "tree/a/n1_slurmstepd.scope/job_7/step_batch/" NAME, false },
		{ "tree/a/n1_slurmstepd.scope/job_7/step_batch/user/bobs_" NAME, false },
		/* What is in a folder of bob's is none of Slurm's, whoever made it. */
		{ "tree/bobs/n1_slurmstepd.scope/job_7/step_batch/user/" NAME, false },
		{ "tree/a/bobs/b/n1_slurmstepd.scope/job_7/step_batch/user/" NAME, false },
		{ "tree/bobs_slurmstepd.scope/job_7/step_batch/user/" NAME, false },
		{ "tree/" NAME, false },
	};

	for (size_t which = 0; which < sizeof(rows) / sizeof(*rows); which++) {
		start_case();
		make_folders(rows[which].group);
		make_group(rows[which].group, "");
		sandbox_clear(NAME);
		if ((access(rows[which].group, F_OK) < 0) != rows[which].is_removed) {
			fprintf(stderr, "%s\n", rows[which].group);
			wrong++;
		}
	}
	if (bobs_opened > 0) {
		fprintf(stderr, "%u folders of a user's are looked through\n", bobs_opened);
		wrong++;
	}
}

/* What has the group's name and is none. */
static void clear_no_link_and_no_file(void)
{
	start_case();
	make_job();
	make_group("other", "12\n");
	if (symlink("../../../../../../other", SCOPE USER NAME) < 0)
		abort();
	sandbox_clear(NAME);
	compare("a link", "");
	start_case();
	make_job();
	put(SCOPE USER, NAME, "12\n");
	sandbox_clear(NAME);
	compare("a file", "");
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	if (strcmp(argv[1], "overflow") == 0) {
		own_cgroup = strdup("four");
		return own_cgroup[atoi("5")];
	}
	top = argv[1];
	umask(022);
	find_itself();
	find_itself_in_long_lines();
	find_itself_in_pieces();
	find_disks();
	take_what_there_is();
	end_processes();
	give_up_in_the_end();
	clear_its_own_alone();
	clear_no_link_and_no_file();
	printf("%u cases, %u wrong\n", cases, wrong);
	return wrong != 0;
}
