/** The status as metrics. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/status/metrics.h"
#include "tests/unit/status/document.h"

Test(metrics, a_document_is_shown_as_it_always_was) {
    json_t *json = document();
    char *metrics = status_metrics(json, METRICS_OPENMETRICS),
         *want = document_file("document.metrics");
    cr_assert_str_eq(metrics, want);
    free(want);
    free(metrics);
    json_decref(json);
}

Test(metrics, without_a_document_there_are_families_and_the_end) {
    char *metrics = status_metrics(NULL, METRICS_OPENMETRICS);
    cr_assert_null(strstr(metrics, "worker="));
    cr_assert_not_null(strstr(metrics, "# TYPE fcgi_host_requests counter\n"));
    cr_assert_str_eq(metrics + strlen(metrics) - 6, "# EOF\n");
    free(metrics);
}

/* A scrape that comes while a worker hangs: the supervisor writes the little that it knows. */
Test(metrics, a_worker_without_its_part_has_no_histograms) {
    json_t *json = document_of("{\"workers\":[{\"pid\":7,\"process\":\"shared\",\"apps\":"
                               "[{\"name\":\"a\",\"state\":\"serving\"}]}]}");
    char *metrics = status_metrics(json, METRICS_OPENMETRICS);
    cr_assert_null(strstr(metrics, "_bucket"));
    cr_assert_not_null(strstr(metrics, "fcgi_host_requests_total{worker=\"7\""));
    free(metrics);
    json_decref(json);
}

/* OpenMetrics 1.0, "Considerations: Canonical Numbers". */
Test(metrics, bounds_of_whole_seconds_are_written_with_a_point) {
    json_t *json = document_of(
        "{\"workers\":[{\"pid\":7,\"process\":\"shared\",\"apps\":[{\"name\":\"a\",\"queue_ms\":"
        "{\"count\":9,\"sum\":1.5,\"buckets\":[[0.1,1],[0.5,2],[5,3],[250,4],[1000,5],[2500,6],"
        "[60000,7]]}}]}]}");
    char *metrics = status_metrics(json, METRICS_OPENMETRICS);
    static const char *const s_bounds[] = {"0.0001", "0.0005", "0.005", "0.25",
                                           "1.0",    "2.5",    "60.0"};
    for (size_t i = 0; i < sizeof s_bounds / sizeof s_bounds[0]; i++) {
        char want[32];
        snprintf(want, sizeof want, ",le=\"%s\"} %zu\n", s_bounds[i], i + 1);
        cr_assert_not_null(strstr(metrics, want), "%s", want);
    }
    cr_assert_not_null(strstr(metrics, ",le=\"+Inf\"} 9\n"));
    free(metrics);
    json_decref(json);
}

/* Prometheus, "Exposition formats", text format: a family is named as its samples are; the types
 * are counter, gauge, histogram, summary and untyped. */
Test(metrics, the_text_format_has_its_own_names_and_types_and_the_same_samples) {
    json_t *json = document();
    char *metrics = status_metrics(json, METRICS_OPENMETRICS);
    char *text = status_metrics(json, METRICS_TEXT), *rest = NULL;
    cr_assert_not_null(strstr(text, "# TYPE fcgi_host_info gauge\n"));
    cr_assert_not_null(strstr(text, "# TYPE fcgi_host_state gauge\n"));
    cr_assert_not_null(strstr(text, "# TYPE fcgi_host_reloads_total counter\n# HELP fcgi_host_rel"
                                    "oads_total "));
    cr_assert_null(strstr(text, "# UNIT"));
    cr_assert_null(strstr(text, "# EOF"));
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        cr_assert(line[0] == '#' || strstr(metrics, line), "%s", line);
    }
    free(text);
    free(metrics);
    json_decref(json);
}

/* OpenMetrics 1.0, "Overall Structure": descriptors before samples, one family after the other. */
Test(metrics, every_sample_is_of_the_family_before_it) {
    json_t *json = document();
    char *metrics = status_metrics(json, METRICS_OPENMETRICS), *rest = NULL, family[64] = "";
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
