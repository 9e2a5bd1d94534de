/**
 * The status as metrics, for Prometheus and other programs that read its format.
 *
 * Follows: OpenMetrics 1.0.
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_STATUS_METRICS_H
#define FCGI_HOST_STATUS_METRICS_H

#include "fcgi_host/base/json_read.h"

/** @param status  the document (status_round.h); NULL: no samples
 *  @return the exposition, malloc'ed, or NULL: out of memory */
char *status_metrics(const json_t *status);

#endif
