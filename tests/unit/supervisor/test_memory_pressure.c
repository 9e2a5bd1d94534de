#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "fcgi_host/supervisor/memory_pressure.h"
#include "tests/support/temporary_folder.h"

static const char *s_folder;
static char s_own[256], s_system[256], s_group[256];
static struct loop_source *s_source;
static unsigned s_short;

#define WAITED(us) "some avg10=0.00 avg60=0.00 avg300=0.00 total=" us "\n"

/* ---- Fakes ---- */

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events, struct error *err) {
    (void)loop, (void)err;
    cr_assert_eq(events, EPOLLPRI);
    s_source = source;
    return 0;
}

void loop_remove(struct loop *loop, struct loop_source *source) {
    (void)loop, (void)source;
    s_source = NULL;
}

static void is_short(void *ctx) {
    (void)ctx;
    s_short++;
}

/* ---- Fixture ---- */

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static const char *read_file(const char *path) {
    static char s_text[256];
    FILE *file = fopen(path, "r");
    size_t bytes = file ? fread(s_text, 1, sizeof s_text - 1, file) : 0;
    if (file) {
        fclose(file);
    }
    s_text[bytes] = '\0';
    return s_text;
}

static void setup(void) {
    char folder[280];
    s_folder = temporary_folder();
    snprintf(s_own, sizeof s_own, "%s/own", s_folder);
    snprintf(s_system, sizeof s_system, "%s/system", s_folder);
    snprintf(folder, sizeof folder, "%s/shop", s_folder);
    cr_assert_eq(mkdir(folder, 0700), 0);
    snprintf(s_group, sizeof s_group, "%s/memory.pressure", folder);
    write_file(s_own, "0::/shop\n");
}

static struct memory_pressure *make(struct error *err) {
    const struct memory_pressure_options options = {
        .mounts = s_folder, .own = s_own, .system = s_system, .is_short = is_short};
    return memory_pressure_new(&options, err);
}

TestSuite(memory_pressure, .init = setup, .timeout = 60);

Test(memory_pressure, its_own_control_group_comes_first) {
    write_file(s_group, "");
    write_file(s_system, "");
    struct memory_pressure *pressure = make(NULL);
    cr_assert_not_null(pressure);
    cr_expect_str_eq(read_file(s_group), "some 150000 2000000");
    cr_expect_str_eq(read_file(s_system), "");
    memory_pressure_free(pressure);
    cr_expect_null(s_source);
}

Test(memory_pressure, without_one_the_machine_is_asked) {
    write_file(s_system, "");
    struct memory_pressure *pressure = make(NULL);
    cr_assert_not_null(pressure);
    cr_expect_str_eq(read_file(s_system), "some 150000 2000000");
    memory_pressure_free(pressure);
}

Test(memory_pressure, what_the_kernel_tells_is_passed_on_until_the_group_has_gone) {
    write_file(s_group, WAITED("1000000"));
    struct memory_pressure *pressure = make(NULL);
    write_file(s_group, WAITED("1150000"));
    s_source->ready(s_source->ctx, EPOLLPRI);
    s_source->ready(s_source->ctx, EPOLLPRI);
    cr_expect_eq(s_short, 2);
    s_source->ready(s_source->ctx, EPOLLPRI | EPOLLERR);
    cr_expect_eq(s_short, 2);
    cr_expect_null(s_source);
    memory_pressure_free(pressure);
}

Test(memory_pressure, what_was_before_it_began_is_no_pressure) {
    write_file(s_group, WAITED("1000000"));
    struct memory_pressure *pressure = make(NULL);
    write_file(s_group, WAITED("1149999"));
    s_source->ready(s_source->ctx, EPOLLPRI);
    cr_expect_eq(s_short, 0);
    s_source->ready(s_source->ctx, EPOLLPRI);
    cr_expect_eq(s_short, 1);
    memory_pressure_free(pressure);
}

Test(memory_pressure, a_kernel_that_does_not_tell_is_an_error) {
    struct error err = {.code = ERR_NONE};
    cr_expect_null(make(&err));
    cr_expect_eq(err.code, ERR_SYSTEM);
    cr_expect(strstr(err.text, s_system), "%s", err.text);
    memory_pressure_free(NULL);
}
