/*
 * The node's mounts: which of them a shadow may see. File systems of the kernel are mounted anew where a job
 * needs them, and left out elsewhere, with all that is mounted below them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "places.h"
#include "sandbox.h"

static struct place places[MOST_PLACES];
static size_t place_count;

static const char *const kernel_types[] = {
	"proc",	   "sysfs",	 "devtmpfs", "devpts",	"cgroup",   "cgroup2",	    "mqueue",	 "debugfs",
	"tracefs", "securityfs", "pstore",   "bpf",	"configfs", "binfmt_misc",  "hugetlbfs", "fusectl",
	"nsfs",	   "efivarfs",	 "ramfs",    "autofs",	"selinuxfs", "rpc_pipefs"
};

static const char *const folders[] = { "/proc", "/sys", "/dev", "/run", "/var/run" };

static bool is_under(const char *path, const char *folder)
{
	size_t length = strlen(folder);
	return strncmp(path, folder, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static bool is_kernels(const char *type)
{
	for (size_t which = 0; which < sizeof(kernel_types) / sizeof(*kernel_types); which++)
		if (strcmp(type, kernel_types[which]) == 0)
			return true;
	return false;
}

static bool is_in_left_out_folder(const char *path)
{
	for (size_t which = 0; which < sizeof(folders) / sizeof(*folders); which++)
		if (is_under(path, folders[which]))
			return true;
	return false;
}

/* What automount has mounted is a job's own; the trigger around it is not. */
static bool hides_what_is_below(const struct place *place)
{
	return place->is_left_out && strcmp(place->type, "autofs") != 0;
}

/* mountinfo names a mount after the one that it is mounted on, or nearly always. */
static bool is_below_left_out(const struct place *place)
{
	for (size_t which = place_count; which-- > 0;)
		if (places[which].id == place->parent)
			return hides_what_is_below(&places[which]);
	return false;
}

static bool is_octal(const char *digits)
{
	return strspn(digits, "01234567") >= 3;
}

/* mountinfo writes blanks and backslashes as \ooo. */
static void unescape(char *text)
{
	char *to = text;
	for (const char *from = text; *from; from++) {
		if (from[0] == '\\' && is_octal(from + 1)) {
			*to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 3;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

/* "36 35 98:0 /root /path options - type source options" */
static bool read_place(const char *line, struct place *place)
{
	const char *type = strstr(line, " - ");

	if (!type || sscanf(line, "%u %u %*s %*s %511s", &place->id, &place->parent, place->path) != 3 ||
	    sscanf(type + 3, "%31s", place->type) != 1)
		return false;
	unescape(place->path);
	place->is_left_out = is_kernels(place->type) || is_in_left_out_folder(place->path) ||
			     is_below_left_out(place);
	return true;
}

int places_read(void)
{
	char line[8192];
	FILE *mounts = fopen("/proc/self/mountinfo", "re");

	if (!mounts)
		return refuse(errno, "/proc/self/mountinfo");
	while (place_count < MOST_PLACES && fgets(line, sizeof(line), mounts))
		place_count += read_place(line, &places[place_count]);
	fclose(mounts);
	return place_count < MOST_PLACES ? 0 : refuse(0, "this node has %d mounts or more", MOST_PLACES);
}

const struct place *places_at(size_t which)
{
	return which < place_count ? &places[which] : NULL;
}
