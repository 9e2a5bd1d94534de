#include <criterion/criterion.h>

#include "fcgi_host/supervisor/retry_watch.h"

Test(retry_watch, sources_and_extensions_are_code) {
    cr_assert(retry_watch_is_code("/srv/blog/wsgi.py"));
    cr_assert(retry_watch_is_code("/srv/blog/app.wsgi"));
    cr_assert(retry_watch_is_code("/srv/blog/fast.cpython-311-x86_64-linux-gnu.so"));
}

Test(retry_watch, what_python_and_editors_write_beside_them_is_not) {
    cr_assert_not(retry_watch_is_code("/srv/blog/__pycache__"));
    cr_assert_not(retry_watch_is_code("/srv/blog/__pycache__/wsgi.cpython-311.pyc"));
    cr_assert_not(retry_watch_is_code("/srv/blog/.wsgi.py.swp"));
    cr_assert_not(retry_watch_is_code("/srv/blog/wsgi.py~"));
    cr_assert_not(retry_watch_is_code(".py"));
}
