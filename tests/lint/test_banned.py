"""What the code must not use, and where it may be used all the same."""

import re
import unittest

import source

# (pattern in code without comments and literals, what to do instead, files that may)
BANNED = [
    (r"\b(strcpy|strcat|sprintf|vsprintf|gets|stpcpy|strncpy|strncat)\s*\(",
     "snprintf() or memcpy() with a checked size", ()),
    (r"\b(strtok|asctime|ctime|gmtime|localtime|rand|getpwnam|getpwuid|readdir_r)\s*\(",
     "the function that threads may call (…_r)", ()),
    (r"\b(atoi|atol|atoll|atof)\s*\(", "strtol() with its errors", ()),
    (r"\b(strcasecmp|strncasecmp|strerror|strerror_r)\s*\(",
     "text_is_same_word(), strerrordesc_np(): the locale is the applications'", ()),
    (r"\b(tmpnam|mktemp|tempnam)\s*\(", "mkstemp()", ()),
    (r"\b(system|popen)\s*\(", "posix_spawn(): no shell", ()),
    (r"\b(alloca|setjmp|longjmp)\s*\(", "plain C", ()),
    (r"(?<![\w.>])signal\s*\(", "sigaction()", ()),
    (r"\b(sleep|usleep|nanosleep|clock_nanosleep|sched_yield)\s*\(", "waiting for the event",
     ("pool/python/waits.c",)),  # defines it
    (r"\bPyGILState_\w+\s*\(",
     "a thread state of the right interpreter: from 3.12 on PyGILState_Ensure() attaches one of a "
     "dead interpreter",
     ("reload/objects/gilstate.c",)),  # stands in for it, to count who calls it
    (r"(^|\bstatic\s+|^_Thread_local\s+)(PyTypeObject|PyObject\s*\*)\s*\w+\s*(=|;|\[)",
     "module state and heap types: this host's module passes its own audit",
     ()),
    (r"\bPy_BUILD_CORE\b", "the public API; what it does not give is in three files",
     ("pool/python/cpython_repairs.c", "pool/python/cpython_inspect.c",
      "pool/python/cpython_layouts.c")),
    (r"\bPY_(VERSION_HEX|MINOR_VERSION)\b", "pool/python/, the only room that knows versions",
     ("pool/python/py_compat.h", "pool/python/cpython_repairs.c", "pool/python/cpython_inspect.c",
      "pool/python/cpython_layouts.c")),
]
# The lower layers never log; what happens is told through callbacks.
BANNED_BELOW = [
    (r"\b(printf|fprintf|vfprintf|puts|fputs|perror|syslog|vsyslog|dprintf)\s*\(",
     "an error for the caller: only fcgi_host/ logs", ()),
]


def uses(path, text, banned):
    code = source.without_comments(text)
    for pattern, instead, allowed in banned:
        if path not in allowed:
            for match in re.finditer(pattern, code, re.MULTILINE):
                yield (f"{source.where(path, code, match.start())}: {match.group().strip()}"
                       f" - instead: {instead}")


class Banned(unittest.TestCase):
    def test_each_is_found(self):
        for sample in ("    strcpy(a, b);", "x = atoi(s);", "    sleep(1);", "signal(SIGPIPE, f);",
                       "PyGILState_Ensure();", "static PyObject *s_error;",
                       "static PyTypeObject T = {0};", "PyObject *g_type = NULL;",
                       "#if PY_VERSION_HEX >= 1", "#define Py_BUILD_CORE"):
            with self.subTest(sample):
                self.assertTrue(list(uses("pool/x.c", sample + "\n", BANNED)))
        for sample in ("static PyObject *f(PyObject *self);", "    PyObject *local = NULL;",
                       "/* never strcpy(a, b) */", 'x("sleep(1)");', "error_signal(x);"):
            with self.subTest(sample):
                self.assertEqual(list(uses("pool/x.c", sample + "\n", BANNED)), [])
        self.assertTrue(list(uses("pool/x.c", 'fprintf(stderr, "x");', BANNED_BELOW)))

    def test_none_is_used(self):
        found = [line for path, text in source.c_files() for line in uses(path, text, BANNED)]
        found += [line for path, text in source.c_files(("reload", "pool"))
                  for line in uses(path, text, BANNED_BELOW)]
        self.assertEqual(found, [], "\n" + "\n".join(found))


if __name__ == "__main__":
    unittest.main()
