#include <criterion/criterion.h>

#include "fcgi_host/supervisor/control.h"

Test(control_path, p_becomes_the_process_id_once) {
    char path[64];
    cr_assert_eq(control_path("/run/x.ctl", 7, path, sizeof path, NULL), 0);
    cr_assert_str_eq(path, "/run/x.ctl");
    cr_assert_eq(control_path("/run/x-%p.ctl", 4711, path, sizeof path, NULL), 0);
    cr_assert_str_eq(path, "/run/x-4711.ctl");
}

Test(control_path, one_that_does_not_fit_is_refused_not_cut) {
    char path[12];
    struct error err = {0};
    cr_assert_eq(control_path("/run/x-%p.ctl", 4711, path, sizeof path, &err), -1);
    cr_assert_eq(err.code, ERR_USAGE);
    cr_assert_eq(control_path("", 1, path, sizeof path, &err), -1);
}
