/*
 * The network of a shadow: a loopback of its own. The addresses of license servers lie on it, where
 * the sampler counts who asks for what: demand is seen and no license is taken.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox.h"

/* Room for one host name and its end. */
#define HOST_SIZE 256

/* Copies the host of the next "port@host" and moves on; 0 at the end of the list. */
static int next_host(const char **list, char *host)
{
	if (!**list)
		return 0;
	size_t length = strcspn(*list, ",");
	const char *at = memchr(*list, '@', length);
	size_t size = at ? length - (at + 1 - *list) : 0;

	/* A host that does not fit is none, and keeps its number in the list. */
	if (size >= HOST_SIZE)
		size = 0;
	memcpy(host, at ? at + 1 : *list, size);
	host[size] = '\0';
	*list += length + ((*list)[length] != '\0');
	return 1;
}

static int is_number(const char *host)
{
	struct in_addr address;
	return inet_pton(AF_INET, host, &address) == 1;
}

/* An alias of the loopback with this address. */
static int add_address(int any, unsigned number, const char *host)
{
	struct ifreq alias = { 0 };
	struct sockaddr_in *address = (struct sockaddr_in *)&alias.ifr_addr;

	snprintf(alias.ifr_name, sizeof(alias.ifr_name), "lo:%u", number);
	address->sin_family = AF_INET;
	inet_pton(AF_INET, host, &address->sin_addr);
	return ioctl(any, SIOCSIFADDR, &alias);
}

static int bring_up(int any)
{
	struct ifreq loopback = { .ifr_name = "lo" };

	if (ioctl(any, SIOCGIFFLAGS, &loopback) < 0)
		return -1;
	loopback.ifr_flags |= IFF_UP;
	return ioctl(any, SIOCSIFFLAGS, &loopback);
}

int sandbox_network(const struct sandbox *wish)
{
	const char *list = wish->license_servers;
	char host[HOST_SIZE];
	int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (any < 0 || bring_up(any) < 0)
		return refuse(errno, "loopback");
	/* Without such an address the program finds no server, as it would find no other one either. */
	for (unsigned number = 1; next_host(&list, host); number++)
		if (is_number(host))
			add_address(any, number, host);
	close(any);
	return 0;
}

static void write_host(FILE *hosts, unsigned number, const char *host)
{
	struct in_addr address = { htonl(SHADOWFIT_SERVERS_NETWORK + number) };
	char text[INET_ADDRSTRLEN];

	fprintf(hosts, "\n%s %s\n", inet_ntop(AF_INET, &address, text, sizeof(text)), host);
}

int sandbox_license_hosts(const struct sandbox *wish)
{
	const char *list = wish->license_servers;
	char host[HOST_SIZE];

	if (!*list)
		return 0;
	FILE *hosts = fopen("/etc/hosts", "ae");
	if (!hosts)
		return refuse(errno, "/etc/hosts");
	for (unsigned number = 1; number <= SHADOWFIT_MOST_SERVERS && next_host(&list, host); number++)
		if (host[0] && !is_number(host))
			write_host(hosts, number, host);
	return fclose(hosts) == 0 ? 0 : refuse(errno, "/etc/hosts");
}
