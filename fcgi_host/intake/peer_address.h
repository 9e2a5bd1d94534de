/**
 * Which hosts may connect over TCP: the list in FCGI_WEB_SERVER_ADDRS.
 *
 * Addresses are IPv4 or IPv6, separated by commas; an IPv4 address also stands for the same one
 * mapped into IPv6.  Sockets of the file system are not checked: their mode is their check.
 *
 * Follows: FastCGI 1.0 §3.2.
 * @thread immutable once made
 * @tstate none
 */
#ifndef FCGI_HOST_INTAKE_PEER_ADDRESS_H
#define FCGI_HOST_INTAKE_PEER_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "pool/base/error.h"

struct peer_addresses;

/**
 * @param list  NULL or empty: everyone
 * @param[out] ret  NULL when everyone may connect
 * @return 0, or -1: ERR_USAGE names the entry that is no address, ERR_MEMORY
 * @owns the caller: peer_addresses_free()
 */
int peer_addresses_parse(const char *list, struct peer_addresses **ret, struct error *err);
void peer_addresses_free(struct peer_addresses *addresses);

/** Whether a peer of this address may connect. NULL addresses: yes. */
bool peer_addresses_allow(const struct peer_addresses *addresses, const struct sockaddr *peer);

#endif
