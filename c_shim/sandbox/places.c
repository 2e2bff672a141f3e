/*
 * The node's mounts: which of them a shadow may see. File systems of the kernel are mounted anew where a job
 * needs them, and left out elsewhere, with all that is mounted below them; so is what the firmware boots from, and what
 * a program of another user's serves, who may never answer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lines.h"
#include "places.h"
#include "sandbox.h"

static struct place places[MOST_PLACES];
static size_t place_count;

static const char *const left_out_types[] = {
	"proc",	   "sysfs",	 "devtmpfs", "devpts",	"cgroup",   "cgroup2",	    "mqueue",	 "debugfs",
	"tracefs", "securityfs", "pstore",   "bpf",	"configfs", "binfmt_misc",  "hugetlbfs", "fusectl",
	"nsfs",	   "efivarfs",	 "ramfs",    "autofs",	"selinuxfs", "rpc_pipefs",  "vfat",	 "msdos"
};

/* Of the kernel itself, which refuses an overlay where it could not work, or known for long to bear one. */
static const char *const bearing_types[] = { "ext2", "ext3", "ext4",	 "xfs",	  "btrfs", "f2fs",  "jfs",    "zfs",
					     "tmpfs", "rootfs", "overlay", "nfs",	  "nfs4",  "ceph",  "cifs",   "smb3",
					     "9p",    "nilfs2",	 "squashfs", "erofs", "iso9660", "udf", "virtiofs", "bcachefs",
					     "gfs2",  "ocfs2", "pvfs2", "reiserfs" };
#define FUSE_WITH_A_NAME "fuse."

#define COUNT(of) (sizeof(of) / sizeof(*(of)))

static const char *const folders[] = { "/proc", "/sys", "/dev", "/run", "/var/run" };

static bool is_under(const char *path, const char *folder)
{
	size_t length = strlen(folder);
	return strncmp(path, folder, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static bool is_one_of(const char *type, const char *const *types, size_t count)
{
	for (size_t which = 0; which < count; which++)
		if (strcmp(type, types[which]) == 0)
			return true;
	return false;
}

/* One of `types`, which commas part. */
static bool is_listed(const char *type, const char *types)
{
	size_t length = strlen(type);

	for (const char *at = types; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, type, length) == 0 && (at[length] == ',' || at[length] == '\0'))
			return true;
	}
	return false;
}

static bool is_fuse(const char *type)
{
	return strcmp(type, "fuse") == 0 || strcmp(type, "fuseblk") == 0 ||
	       strncmp(type, FUSE_WITH_A_NAME, strlen(FUSE_WITH_A_NAME)) == 0;
}

bool place_bears_overlay(const struct place *place, const char *more)
{
	return is_one_of(place->type, bearing_types, COUNT(bearing_types)) || is_fuse(place->type) ||
	       (more && is_listed(place->type, more));
}

static bool is_in_left_out_folder(const char *path)
{
	for (size_t which = 0; which < COUNT(folders); which++)
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

/* "type source rw,user_id=1001,allow_other" names the user whose program serves it; the source is what that user likes. Root's
 * programs serve the node. Where the source is so long that the user's number is not read, it may be anybody's. */
static bool is_served_by_another(const char *type, uid_t user)
{
	unsigned server = 0;
	/* One blank parts two fields, of which the source may be empty. */
	const char *source = strchr(type, ' ');
	const char *options = source ? strchr(source + 1, ' ') : NULL;
	const char *at = options ? strstr(options, ",user_id=") : NULL;

	if (!at || sscanf(at, ",user_id=%u", &server) != 1)
		return true;
	return server != 0 && server != user;
}

/* "36 35 98:0 /root /path options - type source options" */
static bool read_place(const char *line, uid_t user, struct place *place)
{
	const char *type = strstr(line, " - ");

	if (!type || sscanf(line, "%u %u %*s %*s %511s", &place->id, &place->parent, place->path) != 3 ||
	    sscanf(type + 3, "%31s", place->type) != 1)
		return false;
	unescape(place->path);
	place->is_left_out = is_one_of(place->type, left_out_types, COUNT(left_out_types)) ||
			     is_in_left_out_folder(place->path) || is_below_left_out(place) ||
			     (is_fuse(place->type) && is_served_by_another(type + 3, user));
	return true;
}

int places_read(uid_t user)
{
	char line[8192];
	FILE *mounts = fopen("/proc/self/mountinfo", "re");

	if (!mounts)
		return refuse(errno, "/proc/self/mountinfo");
	while (place_count < MOST_PLACES && read_line(mounts, line, sizeof(line)))
		place_count += read_place(line, user, &places[place_count]);
	fclose(mounts);
	return place_count < MOST_PLACES ? 0 : refuse(0, "this node has %d mounts or more", MOST_PLACES);
}

const struct place *places_at(size_t which)
{
	return which < place_count ? &places[which] : NULL;
}
