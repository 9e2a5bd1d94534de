#include "fcgi_host/intake/peer_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* All are kept as IPv6 addresses; IPv4 addresses in the mapped form ::ffff:a.b.c.d. */
struct peer_addresses {
    size_t count;
    struct in6_addr items[];
};

static const uint8_t s_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void map_ipv4(struct in6_addr *ret, const struct in_addr *v4) {
    memcpy(ret->s6_addr, s_mapped, sizeof s_mapped);
    memcpy(ret->s6_addr + sizeof s_mapped, v4, sizeof *v4);
}

static int parse_address(const char *text, size_t length, struct in6_addr *ret, struct error *err) {
    while (length > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        length--;
    }
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t')) {
        length--;
    }
    char copy[INET6_ADDRSTRLEN];
    struct in_addr v4;
    if (length > 0 && length < sizeof copy) {
        memcpy(copy, text, length);
        copy[length] = '\0';
        if (inet_pton(AF_INET, copy, &v4) == 1) {
            map_ipv4(ret, &v4);
            return 0;
        }
        if (inet_pton(AF_INET6, copy, ret) == 1) {
            return 0;
        }
    }
    return error_set(err, ERR_USAGE, "FCGI_WEB_SERVER_ADDRS: not an IP address: \"%.*s\"",
                     (int)(length < 100 ? length : 100), text);
}

int peer_addresses_parse(const char *list, struct peer_addresses **ret, struct error *err) {
    if (!list || !*list) {
        *ret = NULL;
        return 0;
    }
    size_t count = 1;
    for (const char *p = list; *p; p++) {
        count += *p == ',';
    }
    struct peer_addresses *addresses =
        malloc(sizeof *addresses + count * sizeof addresses->items[0]);
    if (!addresses) {
        return error_set(err, ERR_MEMORY, "FCGI_WEB_SERVER_ADDRS: out of memory");
    }
    addresses->count = 0;
    for (const char *p = list; addresses->count < count; p++) {
        size_t length = strcspn(p, ",");
        if (parse_address(p, length, &addresses->items[addresses->count], err) < 0) {
            free(addresses);
            return -1;
        }
        addresses->count++;
        p += length;
    }
    *ret = addresses;
    return 0;
}

void peer_addresses_free(struct peer_addresses *addresses) {
    free(addresses);
}

bool peer_addresses_allow(const struct peer_addresses *addresses, const struct sockaddr *peer) {
    if (!addresses) {
        return true;
    }
    struct in6_addr address;
    if (peer->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, peer, sizeof v4);
        map_ipv4(&address, &v4.sin_addr);
    } else if (peer->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, peer, sizeof v6);
        address = v6.sin6_addr;
    } else {
        return peer->sa_family == AF_UNIX;
    }
    for (size_t i = 0; i < addresses->count; i++) {
        if (memcmp(&addresses->items[i], &address, sizeof address) == 0) {
            return true;
        }
    }
    return false;
}
