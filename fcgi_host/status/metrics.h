/**
 * The status as metrics, for Prometheus and other programs that read its format.
 *
 * Follows: OpenMetrics 1.0; Prometheus' text format 0.0.4.
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_STATUS_METRICS_H
#define FCGI_HOST_STATUS_METRICS_H

#include "fcgi_host/base/json_read.h"

enum metrics_format {
    METRICS_OPENMETRICS,
    METRICS_TEXT, /**< the format before it, which every Prometheus and promtool read */
};

/** The Content-Type of a format. @return static text */
const char *metrics_content_type(enum metrics_format format);

/** @param status  the document (status_round.h); NULL: no samples
 *  @return the exposition, malloc'ed, or NULL: out of memory */
char *status_metrics(const json_t *status, enum metrics_format format);

#endif
