"""Why tests of CPython differ in an application: for the table of conformance.py."""

import re

#: (names of tests, what became of them, reason); the first that matches both counts.
REASONS = [
    (r"test_asyncio|test_contextlib_async", r"_asyncio|did not run|raise exc|SSLContext",
     "`_asyncio` of 3.11 shares its state between interpreters: asyncio's own Python code takes its "
     "place, with other frames and cycles"),
    (r"ExtensionBuiltTest", r"",
     "`_zoneinfo` of 3.11 shares its state between interpreters: zoneinfo's own Python code takes "
     "its place"),
    (r"", r"fork is not supported here",
     "`os.fork()` is an error: the child of a process with several interpreters cannot run"),
    (r"ForkInThread", r"did not end", "it waits for the child of `os.fork()`, which is an error"),
    (r"", r"preexec_fn not supported", "CPython refuses `preexec_fn` in every sub-interpreter"),
    (r"test_call\.", r"",
     "single-phase modules are copies in sub-interpreters: their functions are bound to the module "
     "that was made first"),
    (r"test_import\.(File|Import|Pyc)", r"\.pyc|rewritten|co_filename|False is not true",
     "byte code of files that have just changed is neither read nor written"),
    (r"tz|timezone|system_transitions|_local$|timestamp|LocalTime|Time2Internaldate|Localtime", r"",
     "the time zone is the process's, which other applications share; the log names who wants "
     "another"),
    (r"test_load_default_certs_env", r"",
     "C libraries see the process's environment; an application alone in its process has it"),
    (r"test_runpy", r"\.pyc",
     "byte code of files that have just changed is neither read nor written"),
    (r"test_runpy", r"Application\w+Loader",
     "applications' files are read by a subclass of CPython's loader"),
    (r"test_functions_module_attr", r"",
     "what the host has in place of functions in C are functions in Python"),
    (r"testLock", r"lock_held",
     "the import lock is the process's: another interpreter was importing at the moment"),
    (r"test_process_time", r"", "it counts the time of all applications and of the host"),
    (r"test_tracemalloc.*test_snapshot", r"", "it wants more frames than a request has"),
    (r"test_xxlimited|test_xxtestfuzz|test_import$", r"",
     "an example of CPython with C variables: a true finding"),
    (r"", r"_testbuffer|'_struct'|struct\.error",
     "`_testbuffer`, an extension for CPython's tests, keeps `struct` of the interpreter that came "
     "first: a true finding"),
    (r"test_threading", r"test_frame_tstate_tracing",
     "`_testcapi` calls back by PyGILState_Ensure(), which lands in the main interpreter: a true "
     "finding"),
    (r"test_tcl", r"_tkinter", "`_tkinter` keeps a thread's state in a C variable: a true finding"),
    (r"test_decimal", r"_decimal",
     "the test has another `decimal` in `sys.modules` at the moment of the check"),
    (r"test_compile", r"exit functions",
     "a spare that was given up did not get the GIL, which the test holds for seconds"),
    (r"(?i)signal|itimer|interrupt|wakeup|asyncio", r"did not (end|run)",
     "signals are the host's: what waits for one that it set or sent waits for ever"),
]


def reason_of(name, text):
    for names, texts, reason in REASONS:
        if re.search(names, name) and re.search(texts, text):
            return reason
    return ""
