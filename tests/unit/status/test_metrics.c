/** The status as metrics. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/status/metrics.h"
#include "tests/unit/status/document.h"

Test(metrics, a_document_is_shown_as_it_always_was) {
    json_t *json = document();
    char *metrics = status_metrics(json), *want = document_file("document.metrics");
    cr_assert_str_eq(metrics, want);
    free(want);
    free(metrics);
    json_decref(json);
}

Test(metrics, without_a_document_there_are_families_and_the_end) {
    char *metrics = status_metrics(NULL);
    cr_assert_null(strstr(metrics, "worker="));
    cr_assert_not_null(strstr(metrics, "# TYPE fcgi_host_requests counter\n"));
    cr_assert_str_eq(metrics + strlen(metrics) - 6, "# EOF\n");
    free(metrics);
}

/* OpenMetrics 1.0, "Overall Structure": descriptors before samples, one family after the other. */
Test(metrics, every_sample_is_of_the_family_before_it) {
    json_t *json = document();
    char *metrics = status_metrics(json), *rest = NULL, family[64] = "";
    for (char *line = strtok_r(metrics, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "# TYPE ", 7) == 0) {
            snprintf(family, sizeof family, "%.*s", (int)strcspn(line + 7, " "), line + 7);
        } else if (line[0] != '#') {
            cr_assert_eq(strncmp(line, family, strlen(family)), 0, "%s after %s", line, family);
        }
    }
    free(metrics);
    json_decref(json);
}
