/*
 * What the sandbox reads of the node and of its user, given in hostile forms and under sanitizers: the table of mounts, its own
 * cgroups and those that Slurm has made, and the list of license servers. Each is included as it stands, and opens what this
 * says in the place of a file.
 *
 * usage: parsers TIMES     prints what it found in the plain forms
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char *shown;
static size_t shown_size;

/* Nobody's file: what was written there is not looked at. */
static FILE *open_shown(const char *path, const char *mode)
{
	(void)path;
	return *mode == 'a' ? fopen("/dev/null", mode) : fmemopen(shown, shown_size, "r");
}

#define fopen open_shown
#include "../../c_shim/sandbox/cgroup_v1.c"
#include "../../c_shim/sandbox/places.c"
#include "../../c_shim/sandbox/network.c"
#undef fopen

/* The sandbox's, which need root. */
int cgroup_write(const char *group, const char *file, const char *text)
{
	return -1;
}

int cgroup_set(const char *group, const char *file, uint64_t value)
{
	return -1;
}

int cgroup_enter(const char *group)
{
	return -1;
}

void cgroup_each_disk(void (*limit)(const char *group, const char *disk, uint64_t bytes_per_s), const char *group,
		      uint64_t bytes_per_s)
{
}

void cgroup_clear(const char *pattern, unsigned *looks)
{
}

/* From here on there is nothing behind the end of the text. */
static void show(const char *text, size_t size)
{
	free(shown);
	/* fmemopen takes no empty one. */
	shown_size = size ? size : 1;
	shown = malloc(shown_size);
	memset(shown, '\n', shown_size);
	memcpy(shown, text, size);
}

static size_t places_of(const char *text, size_t size)
{
	place_count = 0;
	show(text, size);
	places_read(1001);
	size_t left = 0;
	for (size_t which = 0; places_at(which); which++)
		left += !places_at(which)->is_left_out + 0 * place_bears_overlay(places_at(which), "beegfs,wekafs");
	return left;
}

static int finds_memory(const char *text, size_t size)
{
	char path[PATH_MAX];

	show(text, size);
	return own_path("memory", path) == 0 && strlen(path) < PATH_MAX;
}

/* As it was opened outside of the sandbox. */
static void follow(const char *text, size_t size)
{
	int outside = memfd_create("cgroup", 0), root = open("/nonexistent", O_PATH);

	if (write(outside, text, size) < 0 || lseek(outside, 0, SEEK_SET) < 0)
		abort();
	sandbox_follow(outside, root);
	close(outside);
}

static unsigned hosts_of(const char *text, size_t size)
{
	char *list = malloc(size + 1), host[HOST_SIZE];
	unsigned count = 0;

	memcpy(list, text, size);
	list[size] = '\0';
	for (const char *at = list; next_host(&at, host);)
		count += host[0] != '\0' && (is_number(host) || strlen(host) < HOST_SIZE);
	sandbox_license_hosts(&(struct sandbox){ .license_servers = list });
	free(list);
	return count;
}

static void read_all(const char *text, size_t size)
{
	places_of(text, size);
	finds_memory(text, size);
	follow(text, size);
	hosts_of(text, size);
}

static const char plain_mounts[] =
	"36 1 8:0 / / rw - ext4 /dev/sda rw\n"
	"37 36 0:5 / /sys rw - sysfs none rw\n"
	"38 37 0:5 / /sys/below rw - tmpfs none rw\n"
	"39 36 0:6 / /a\\040b rw - tmpfs none rw\n"
	"40 36 0:7 / /own rw - fuse.sshfs x,user_id=1002, rw,user_id=1001,group_id=1\n"
	"41 36 0:8 / /bobs rw - fuse.sshfs x,user_id=1001, rw,user_id=1002,group_id=1,allow_other\n"
	"42 41 0:9 / /bobs/below rw - ext4 x rw\n"
	"43 36 0:9 / /roots rw - fuse x rw,user_id=0,group_id=0,allow_other\n"
	"44 36 0:9 / /nameless rw - fuse  rw,user_id=1002,group_id=1,allow_other\n"
	"45 36 0:9 / /own/nameless rw - fuse  rw,user_id=1001,group_id=1\n";
static const char cgroups[] = "12:cpu,cpuacct:/slurm/uid_7\n4:memory:/slurm/uid_7/job_5/step_batch\n1:name=systemd:/\n0::/x\n";
static const char servers[] = "27000@lic1,27001@10.0.0.7,,@,27002@,nobody,27003@lic2";

static const char *const hostile[] = {
	"", "\n", " - ", " - \n", "1", "1 2", "1 2 3 4", "1 2 3 4 /x", "1 2 3 4 /x - ", "1 2 3 4 /x -  ", "1 2 3 4 \\ - tmpfs",
	"1 2 3 4 \\0 - tmpfs", "1 2 3 4 \\04 - tmpfs", "1 2 3 4 /\\777\\000x - tmpfs x y", "1 1 3 4 /x - tmpfs",
	"99999999999999999999 -1 3 4 /x - tmpfs x y", "1 2 3 4 /x - fuse", "1 2 3 4 /x - fuse ,user_id=7", "1 2 3 4 /x - fuse s ,user_id=",
	"1 2 3 4 /x - fuse s ,user_id=99999999999999999999", ":", "::", ":::", "4:memory", "4:memory:", "memory:memory:memory",
	"4:,,memory,:/", "4:memory", ",", ",,,,", "@", "@@@@,@", "1@", "@x", ",@", "1@x,",
};

/* As many of a byte as no line, path, name or list has room for. */
static void read_long(char byte, const char *before, const char *after)
{
	size_t size = 70000, head = strlen(before), tail = strlen(after);
	char *text = malloc(head + size + tail);

	memcpy(text, before, head);
	memset(text + head, byte, size);
	memcpy(text + head + size, after, tail);
	read_all(text, head + size + tail);
	free(text);
}

/* How many places there are where a line has no room, whose end says `after`. */
static size_t places_of_long(const char *before, const char *after)
{
	char text[20000];
	int head = snprintf(text, sizeof(text), "%s", before);

	memset(text + head, 'y', 8191 - head);
	snprintf(text + 8191, sizeof(text) - 8191, "%s", after);
	return places_of(text, strlen(text));
}

/* What is behind the room for a line is no line, and does not make another user's mount the node's. */
static void check_long(void)
{
	if (places_of_long("1 2 3 4 /x", "60 36 8:0 / /made-up rw - ext4 x rw\n") != 0 ||
	    places_of_long("1 2 3 4 /x rw - fuse ", " rw,user_id=1002\n") != 0 ||
	    places_of_long("1 2 3 4 /x rw - ext4 ", " rw\n61 36 8:0 / /next rw - ext4 x rw\n") != 2)
		abort();
}

static void read_hostile(void)
{
	static const char *const plain[] = { plain_mounts, cgroups, servers };

	for (size_t which = 0; which < sizeof(hostile) / sizeof(*hostile); which++)
		read_all(hostile[which], strlen(hostile[which]));
	for (const char *byte = "x/\\7,@: \n"; *byte; byte++) {
		read_long(*byte, "", "");
		read_long(*byte, "1 2 3 4 /", " - tmpfs x y\n");
		read_long(*byte, "1 2 3 4 /x - ", " x y\n");
		read_long(*byte, "1 2 3 4 /x - fuse x ", ",user_id=7\n");
		read_long(*byte, "4:memory:/", "\n");
		read_long(*byte, "4:", ":/\n");
		read_long(*byte, "27000@", ",1@x");
	}
	/* Cut at each byte, and each byte another. */
	for (size_t which = 0; which < 3; which++)
		for (size_t at = 0, size = strlen(plain[which]); at < size; at++) {
			char *text = strdup(plain[which]);
			read_all(text, at);
			text[at] ^= 0x15;
			read_all(text, size);
			text[at] = '\0';
			read_all(text, size);
			free(text);
		}
}

int main(int argc, char **argv)
{
	/* One byte behind the end of a text, as a fault would read it. */
	if (argc > 1 && strcmp(argv[1], "overflow") == 0) {
		show("four", 4);
		return shown[atoi("4")];
	}
	check_long();
	for (int time = argc > 1 ? atoi(argv[1]) : 0; time > 0; time--)
		read_hostile();
	printf("%zu places, memory %d, %u hosts\n", places_of(plain_mounts, strlen(plain_mounts)), finds_memory(cgroups, strlen(cgroups)),
	       hosts_of(servers, strlen(servers)));
	return 0;
}
