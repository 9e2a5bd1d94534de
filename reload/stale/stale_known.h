/**
 * What is known to be harmless: the exceptions from the check's rules, each with its reason.
 *
 * @thread any  @tstate attached
 */
#ifndef RELOAD_STALE_STALE_KNOWN_H
#define RELOAD_STALE_STALE_KNOWN_H

#include <stdbool.h>

#include "reload/stale/stale_report.h"

/** Whether a finding about a variable is worth no more than a note. */
bool stale_known_is_harmless(const struct scan_hit *hit, const struct stale_what *what);

#endif
