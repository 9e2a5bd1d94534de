/**
 * How many descriptors of a worker may be connections.
 *
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_WORKER_DESCRIPTORS_H
#define FCGI_HOST_WORKER_DESCRIPTORS_H

/** As many as descriptors allow; main() has raised their limit to the maximum. */
unsigned descriptors_for_connections(void);

#endif
