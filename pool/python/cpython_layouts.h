/**
 * Whether CPython's structures lie in memory as in the headers that this program was compiled with.
 *
 * Two kinds are read (cpython_inspect.h) and written (cpython_repairs.h).  What public headers show
 * (objects, types, PyThreadState up to its thread_id) is compiled into extensions, too, and keeps
 * its place in all patch levels of a minor version.  The rest is CPython's own, and has moved
 * between patch levels: the collector's lists of 3.13.0 and 3.13.5 are at other places; 3.14.5 has
 * another collector than 3.14.4 in a structure of the same size.  So with a libpython of another
 * patch level than the headers', nothing of the second kind is touched unless it is known to have
 * stayed where it was.  How CPython was configured counts, too: with its JIT compiler (3.15) the
 * states of threads are larger than the headers say, unless what they ask for is defined
 * (CMakeLists.txt).
 *
 * Of the second kind, what is relied upon:
 *   _PyRuntimeState     interpreters.head, .mutex; tracemalloc.config (from 3.12 on); up to 3.12
 *                       ceval, gilstate.autoTSSkey (3.11)
 *   PyInterpreterState  its size; next, id, finalizing, threads.head, .next_unique_id;
 *                       gc.generations, .permanent_generation; ceval.own_gil;
 *                       (imports.)modules; up to 3.12 ceval's requests; config (3.11)
 *   _PyThreadStateImpl  its size
 *   _PyInterpreterFrame its links, its code and where it is in that
 *   small objects       the header of a pool, the header of a debugged block
 *
 * Follows: CPython source, struct _Py_DebugOffsets: what a patch level tells of its structures
 * (3.13).
 */
#ifndef POOL_PYTHON_CPYTHON_LAYOUTS_H
#define POOL_PYTHON_CPYTHON_LAYOUTS_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Compare the headers with the library.
 * @param built    as Py_Version has it: of the headers
 * @param running  of the library
 * @param offsets  the library's _PyRuntime.debug_offsets; not used before 3.13
 * @param[out] ret_why  set if false: "built for CPython 3.14.8, runs with 3.14.3: …"
 * @return whether all that is relied upon is where it was
 */
bool cpython_layouts_agree(unsigned long built, unsigned long running, const void *offsets,
                           char *ret_why, size_t why_bytes);

/**
 * Why what is CPython's own must not be touched in this process.  Python need not have been
 * started.
 * @return NULL: it may be  @thread any
 */
const char *cpython_layouts_unknown(void);

#endif
