#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi_host/base/memory_room.h"
#include "tests/support/temporary_folder.h"

static const char *s_folder;
static char s_groups[128];

static void write_file(const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", s_folder, name);
    for (char *slash = path + strlen(s_folder) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file, "%s", path);
    fputs(text, file);
    fclose(file);
}

static void setup(void) {
    s_folder = temporary_folder();
    snprintf(s_groups, sizeof s_groups, "%s/groups", s_folder);
}

TestSuite(memory_room, .init = setup);

Test(memory_room, without_a_limit_there_is_all_the_room) {
    write_file("groups", "0::/site/host\n");
    cr_expect_eq(memory_room_bytes(s_folder, s_groups), UINT64_MAX);
    write_file("site/host/memory.max", "max\n");
    write_file("site/host/memory.current", "1000\n");
    cr_expect_eq(memory_room_bytes(s_folder, s_groups), UINT64_MAX);
    cr_expect_eq(memory_room_bytes(s_folder, "/nowhere"), UINT64_MAX);
}

Test(memory_room, the_tightest_limit_counts) {
    write_file("groups", "0::/site/host\n");
    write_file("site/host/memory.max", "5000\n");
    write_file("site/host/memory.current", "1000\n");
    cr_expect_eq(memory_room_bytes(s_folder, s_groups), 4000);
    write_file("site/memory.max", "6000\n");
    write_file("site/memory.current", "5500\n");
    cr_expect_eq(memory_room_bytes(s_folder, s_groups), 500);
    write_file("site/memory.current", "7000\n");
    cr_expect_eq(memory_room_bytes(s_folder, s_groups), 0);
}

Test(memory_room, page_cache_that_is_not_in_use_is_room) {
    write_file("groups", "0::/host\n");
    write_file("host/memory.max", "5000\n");
    write_file("host/memory.current", "4000\n");
    write_file("host/memory.stat", "anon 100\ninactive_file 3000\nactive_file 7\n");
    cr_expect_eq(memory_room_bytes(s_folder, s_groups), 4000);
}

Test(memory_room, version_1) {
    write_file("groups", "4:memory:/host\n1:cpu:/\n0::/\n");
    write_file("memory/host/memory.limit_in_bytes", "5000\n");
    write_file("memory/host/memory.usage_in_bytes", "4500\n");
    write_file("memory/host/memory.stat", "inactive_file 1\ntotal_inactive_file 500\n");
    cr_expect_eq(memory_room_bytes(s_folder, s_groups), 1000);
}

Test(memory_room, what_a_process_has_for_itself) {
    uint64_t own = memory_own_bytes(getpid());
    cr_expect_gt(own, 10000);
    char *block = malloc(64 << 20);
    memset(block, 1, 64 << 20);
    cr_expect_gt(memory_own_bytes(getpid()), own + (60 << 20));
    free(block);
    cr_expect_eq(memory_own_bytes(0x7fffffff), 0);
}
