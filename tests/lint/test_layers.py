"""Arrows go down only: fcgi_host → reload → pool; each library has the layers that may use it."""

import re
import unittest

import source

MAY_INCLUDE = {
    "fcgi_host": ("fcgi_host", "reload", "pool"),
    "reload": ("reload", "pool"),
    "pool": ("pool",),
}
LIBRARY_OF = {  # system header → layers that may include it
    "fastcgi.h": ("fcgi_host",),
    "fcgiapp.h": (),
    "fcgi_stdio.h": (),
    "ini.h": ("fcgi_host",),
    "libelf.h": ("reload",),
    "gelf.h": ("reload",),
    "elfutils/libdw.h": ("reload",),
    "sys/inotify.h": ("reload",),
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


def wrong_includes(path, text):
    layer = path.split("/")[0]
    for match in INCLUDE.finditer(text):
        ours, library = match.groups()
        if ours and ours.split("/")[0] == "embedded":
            continue  # a .py file of the same library, see cmake/EmbedPython.cmake
        if ours and "/" not in ours:
            yield f"{source.where(path, text, match.start())}: \"{ours}\" is not from the root"
        elif ours and ours.split("/")[0] not in MAY_INCLUDE[layer]:
            yield f"{source.where(path, text, match.start())}: {layer}/ may not include {ours}"
        elif library and layer not in LIBRARY_OF.get(library, source.LAYERS):
            yield f"{source.where(path, text, match.start())}: {layer}/ may not use {library}"


class Layers(unittest.TestCase):
    def test_an_arrow_up_is_found(self):
        self.assertEqual(len(list(wrong_includes("pool/x.c", '#include "fcgi_host/log.h"\n'))), 1)
        self.assertEqual(len(list(wrong_includes("reload/x.c", '#include "fcgi_host/log.h"\n'))), 1)
        self.assertEqual(len(list(wrong_includes("pool/x.c", "#include <sys/inotify.h>\n"))), 1)
        self.assertEqual(len(list(wrong_includes("pool/x.c", '#include "error.h"\n'))), 1)
        self.assertEqual(list(wrong_includes("reload/x.c", '#include "pool/error.h"\n')), [])

    def test_arrows_go_down_only(self):
        wrong = [line for path, text in source.c_files() for line in wrong_includes(path, text)]
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))


if __name__ == "__main__":
    unittest.main()
