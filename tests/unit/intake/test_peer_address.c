/* FastCGI 1.0 §3.2. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#include "fcgi_host/intake/peer_address.h"

static bool allows(const char *list, const char *peer) {
    struct peer_addresses *addresses = NULL;
    struct error err;
    cr_assert_eq(peer_addresses_parse(list, &addresses, &err), 0, "%s", list);
    struct sockaddr_storage storage;
    memset(&storage, 0, sizeof storage);
    struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
    if (inet_pton(AF_INET, peer, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
    } else if (inet_pton(AF_INET6, peer, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
    } else {
        storage.ss_family = AF_UNIX;
    }
    bool result = peer_addresses_allow(addresses, (struct sockaddr *)&storage);
    peer_addresses_free(addresses);
    return result;
}

Test(peer_address, everyone_may_connect_without_a_list) {
    cr_assert(allows(NULL, "192.0.2.1"));
    cr_assert(allows("", "2001:db8::1"));
}

Test(peer_address, ipv4_in_the_list_may_connect_others_not) {
    cr_assert(allows("192.0.2.1,192.0.2.7", "192.0.2.7"));
    cr_assert_not(allows("192.0.2.1,192.0.2.7", "192.0.2.8"));
}

Test(peer_address, ipv6_in_the_list_may_connect_others_not) {
    cr_assert(allows("192.0.2.1, 2001:db8::1", "2001:db8::1"));
    cr_assert_not(allows("2001:db8::1", "2001:db8::2"));
    cr_assert_not(allows("2001:db8::1", "192.0.2.1"));
}

Test(peer_address, ipv4_stands_for_its_form_mapped_into_ipv6) {
    cr_assert(allows("192.0.2.1", "::ffff:192.0.2.1"));
    cr_assert(allows("::ffff:192.0.2.1", "192.0.2.1"));
    cr_assert_not(allows("192.0.2.1", "::192.0.2.1"));
}

Test(peer_address, unix_sockets_are_not_checked) {
    cr_assert(allows("192.0.2.1", "unix"));
}

Test(peer_address, entry_that_is_no_address_is_named) {
    const char *const bad[] = {"localhost", "192.0.2.1,", "192.0.2.300", ",",
                               "192.0.2.1;192.0.2.2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct peer_addresses *addresses = NULL;
        struct error err;
        cr_assert_eq(peer_addresses_parse(bad[i], &addresses, &err), -1, "%s", bad[i]);
        cr_assert_eq(err.code, ERR_USAGE);
        cr_assert(strstr(err.text, "FCGI_WEB_SERVER_ADDRS"));
    }
}
