/**
 * The check for stale extension state looks again at generations that serve: what an extension
 * fills on first use is not there yet when the load is checked.
 *
 * It looks after a generation's first request, then in growing intervals while requests come, and
 * once more after the last one; and after the import of a library that comes late.  Without
 * requests nothing is due.
 *
 * What it finds is acted on at once: an extension that hands this interpreter objects of another
 * one ends its service here, one that keeps its objects for the whole process moves it to a process
 * of its own, which takes over once it has loaded.
 *
 * @tstate none, unless said otherwise
 */
#ifndef FCGI_HOST_RECYCLE_LOOKS_H
#define FCGI_HOST_RECYCLE_LOOKS_H

#include "fcgi_host/recycle/errands.h"

/** A library has come to code that serves. @lock recycle->lock held  @thread any  @tstate any */
void looks_note_library_locked(struct recyclable *recyclable);
/** Another generation serves. @thread reloader's */
void looks_note_switched(struct recyclable *recyclable);

extern const struct errand looks_errand;

#endif
