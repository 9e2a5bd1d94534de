/**
 * The kernel says when processes wait for memory to be freed: then what is kept for speed alone is
 * given back (spares, templates of process groups that are asleep).
 *
 * Follows: the kernel's Documentation/accounting/psi.rst ("Monitoring for pressure thresholds").
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_MEMORY_PRESSURE_H
#define FCGI_HOST_SUPERVISOR_MEMORY_PRESSURE_H

#include "fcgi_host/supervisor/loop.h"
#include "pool/base/error.h"

/** The pressure on the whole machine. */
#define MEMORY_PRESSURE_SYSTEM "/proc/pressure/memory"

struct memory_pressure;

struct memory_pressure_options {
    struct loop *loop;
    const char *mounts, *own; /**< as for control_group_walk(): its own group's counts, if it has */
    const char *system;       /**< MEMORY_PRESSURE_SYSTEM: if not, this one's */
    void (*is_short)(void *ctx); /**< once in two seconds at most, while it is so */
    void *ctx;
};

/** @return NULL: ERR_SYSTEM (this kernel does not tell, or not us), ERR_MEMORY @owns the caller */
struct memory_pressure *memory_pressure_new(const struct memory_pressure_options *options,
                                            struct error *err);
/** NULL is fine. */
void memory_pressure_free(struct memory_pressure *pressure);

#endif
