/**
 * The lists that a scan fills (struct scan).
 *
 * @thread one at a time  @tstate attached, GIL held throughout
 */
#ifndef RELOAD_SCAN_SCAN_HITS_H
#define RELOAD_SCAN_SCAN_HITS_H

#include "reload/scan/scan_words.h"

/** @param via  the object held by C alone through which it was found, or NULL */
struct scan_hit scan_hits_make(const struct block *from, uintptr_t holder, uintptr_t word,
                               PyObject *object, PyObject *via);

/** One more hit in a list that stays short. Out of memory: scanner->out_of_memory */
void scan_hits_append(struct scanner *scanner, struct scan_hit **list, size_t *count,
                      struct scan_hit hit);

/** To scan->hits. */
void scan_hits_add(struct scanner *scanner, struct scan_hit hit);

/** Note that memory which a word at `holder` leads to is left out. */
void scan_hits_cut(struct scanner *scanner, const struct block *from, uintptr_t holder);

/** Whether an object with these marks is one to report. */
bool scan_hits_has_wanted_owner(const struct scanner *scanner, uint8_t marks);
/** The same for a living object. */
bool scan_hits_is_wanted(const struct scanner *scanner, PyObject *object);

/** Whether a word is the m_copy field of a PyModuleDef. */
bool scan_hits_is_module_copy(const struct block *from, uintptr_t location);
/** To scan->copies. */
void scan_hits_add_copy(struct scanner *scanner, const struct block *from, uintptr_t holder,
                        uintptr_t word);

#endif
