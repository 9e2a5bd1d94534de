"""The promise of spares, modules: what an application sees of its libraries is the same warm."""

import unittest
import zipfile

from support.spares import Case, Spares

#: Two libraries: lib_a imports json, lib_b imports lib_a.
LIBRARIES = {
    "lib_a/__init__.py": "import json\nNAMES = []\nclass Thing: pass\n",
    "lib_a/part.py": "import lib_a\nVALUE = 7\n",
    "lib_b.py": "import lib_a\nTHING = lib_a.Thing()\nlib_a.NAMES.append('lib_b')\n",
}


def zip_of(**members):
    def write(path):
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in members.items():
                archive.writestr(name + ".py", text)
    return write


class Modules(Spares):
    CASES = {
        "order": Case("""
            import sys
            import lib_b
            from lib_a import part
            import decimal
            def report():
                return list(sys.modules)
            """, packages=LIBRARIES),
        "paths": Case("""
            import os, sys
            import lib_b, lib_a.part
            def report():
                return sys.path, dict(os.environ), sys.path_hooks and len(sys.path_hooks), [
                    type(each).__name__ for each in sys.meta_path], sys.argv, sys.flags.optimize
            """, packages={**LIBRARIES, "extra.pth": "import os; os.environ['FROM_PTH'] = 'x'\n/tmp\n"}),
        "attributes_of_modules": Case("""
            import lib_b, lib_a.part, decimal, collections.abc, email.message, sqlite3
            def report():
                return [(m.__name__, m.__file__, m.__package__, type(m.__loader__).__name__,
                    m.__spec__.name, m.__spec__.origin, m.__spec__.cached, m.__spec__.parent,
                    m.__spec__.loader is m.__loader__, getattr(m, '__cached__', None),
                    m.__spec__.submodule_search_locations, m.__spec__._initializing,
                    sorted(vars(m)) , sorted(vars(m.__spec__)), sorted(vars(m.__loader__)) )
                    for m in (lib_a, lib_b, lib_a.part, decimal, email.message, sqlite3)]
            """, packages=LIBRARIES),
        "builtin_modules": Case("""
            import sys, gc, array, math, _sqlite3, unicodedata
            BEFORE = 'faulthandler' in sys.modules, 'pwd' in sys.modules, 'atexit' in sys.modules
            import pwd, faulthandler, atexit, types
            def report():
                return BEFORE, [(repr(m), repr(m.__spec__).split(" at 0x")[0], m.__spec__.origin,
                    sorted(vars(m.__spec__))) for m in (gc, array, math, pwd, faulthandler, atexit)]
            """),
        "identity": Case("""
            import sys
            import lib_b, lib_a, lib_a.part
            import json
            def report():
                return (sys.modules['lib_a'] is lib_a, lib_b.lib_a is lib_a,
                    isinstance(lib_b.THING, lib_a.Thing), lib_a.part.lib_a is lib_a,
                    lib_a.json is json, __import__('lib_a') is lib_a, lib_a.NAMES)
            """, packages=LIBRARIES),
        "parts_not_imported_yet": Case("""
            import lib_a, xml, concurrent
            BEFORE = (hasattr(lib_a, 'part'), hasattr(xml, 'etree'), hasattr(concurrent, 'futures'),
                      sorted(vars(lib_a)))
            import lib_a.part, xml.etree.ElementTree
            BETWEEN = hasattr(lib_a, 'part'), hasattr(concurrent, 'futures')
            import concurrent.futures
            def report():
                return BEFORE, BETWEEN, sorted(vars(lib_a)), sorted(vars(xml))
            """, packages=LIBRARIES),
        "zip": Case("""
            import os, sys
            import zipped
            sys.path.append(os.path.join(os.path.dirname(__file__), 'own.zip'))
            import own_zipped
            import lib_a
            def report():
                return (zipped.X, own_zipped.Y, zipped.__file__, own_zipped.__file__,
                    zipped.__loader__.archive, zipped.__spec__.origin, list(sys.modules))
            """, own={"own.zip": zip_of(own_zipped="Y = 2\n")},
            packages={**LIBRARIES, "lib.zip": zip_of(zipped="X = 1\n"), "zip.pth": "lib.zip\n"}),
        "namespace_package": Case("""
            import sys
            import space.one
            import lib_a
            import space.two
            def report():
                import space
                return (list(space.__path__), sorted(vars(space)), space.one.X, space.two.X,
                    repr(space.__loader__)[:40], space.__spec__.loader is space.__loader__, space.__file__, list(sys.modules))
            """, packages={**LIBRARIES, "space/one.py": "X = 1\n", "more/space/two.py": "X = 2\n",
                           "more.pth": "more\n"}),
        "namespace_with_a_new_own_portion": Case("""
            import space.one
            import lib_a
            def report():
                import space
                return len(space.__path__), [hasattr(space, 'own')]
            """, edited="""
            import space.one
            import lib_a
            import space.own
            def report():
                import space
                return len(space.__path__), [hasattr(space, 'own')]
            """, packages={**LIBRARIES, "space/one.py": "X = 1\n"}, differs=True, cold="space is found elsewhere",
            edit=lambda cls, name: cls.put(name + "/app/space/own.py", "X = 3\n")),
        "shadowed_by_a_new_own_module": Case("""
            import lib_a
            import lib_f
            def report():
                return lib_f.X
            """, packages={**LIBRARIES, "lib_f.py": "X = 'library'\n"}, differs=True, cold="lib_f",
            edit=lambda cls, name: cls.put(name + "/app/lib_f.py", "X = 'own'\n")),
        "looked_for_and_not_imported": Case("""
            import importlib.util, sys
            import lib_a
            FOUND = (importlib.util.find_spec('lib_b'), 'lib_b' in sys.modules)
            PART = importlib.util.find_spec('lib_a.part').origin, 'lib_a.part' in sys.modules
            import lib_b
            def report():
                return FOUND[0].origin, type(FOUND[0].loader).__name__, FOUND[1], PART, hasattr(lib_a, 'part')
            """, packages=LIBRARIES),
        "lazy_attributes_of_a_package": Case("""
            import sys
            import lazy
            BEFORE = list(sys.modules)
            VALUE = lazy.thing.X
            def report():
                return BEFORE, VALUE, list(sys.modules), sorted(vars(lazy))
            """, packages={"lazy/__init__.py": "import importlib\ndef __getattr__(name):\n"
                           "    if name != 'thing': raise AttributeError(name)\n"
                           "    return importlib.import_module('.' + name, __name__)\n", "lazy/thing.py": "X = 5\n"}),
        "from_star": Case("""
            from lib_a import *
            from lib_a.part import *
            from os.path import *
            def report():
                return sorted(name for name in globals() if name != '__builtins__')
            """, packages=LIBRARIES),
        "module_that_replaces_itself": Case("""
            import sys
            import selfish
            import lib_a
            def report():
                return type(selfish).__name__, selfish.X, sys.modules['selfish'] is selfish
            """, packages={**LIBRARIES, "selfish.py": "import sys, types\nclass M(types.ModuleType):\n    X = 4\n"
                           "sys.modules[__name__] = M(__name__)\n"}, ready=None),
        "module_with_a_class_of_its_own": Case("""
            import sys
            import selfish
            import lib_a
            def report():
                return type(selfish).__name__, selfish.X, sys.modules['selfish'] is selfish
            """, packages={**LIBRARIES, "selfish.py": "import sys, types\nclass M(types.ModuleType):\n"
                           "    X = 4\nsys.modules[__name__].__class__ = M\n"}),
        "distribution_data": Case("""
            import importlib.metadata, importlib.resources
            import lib_a
            def report():
                return (importlib.metadata.version('lib-a'),
                    importlib.resources.files('lib_a').joinpath('data.txt').read_text())
            """, packages={**LIBRARIES, "lib_a/data.txt": "data", "lib_a-1.0.dist-info/METADATA":
                           "Metadata-Version: 2.1\nName: lib-a\nVersion: 1.0\n"}),
        "pkg_resources_": Case("""
            import pkg_resources
            import lib_a
            def report():
                return pkg_resources.get_distribution('lib-a').version, 'lib-a' in pkg_resources.working_set.by_key
            """, packages={**LIBRARIES, "lib_a-1.0.dist-info/METADATA":
                           "Metadata-Version: 2.1\nName: lib-a\nVersion: 1.0\n"},
            needs=["pkg_resources"]),
        "circular": Case("""
            import sys, circle_a, circle_b
            def report():
                return list(sys.modules), circle_a.b is circle_b, circle_b.a is circle_a, sorted(vars(circle_a))
            """, packages={"circle_a.py": "import circle_b as b\nX = 1\n", "circle_b.py": "import circle_a as a\nY = 2\n"}),
        "nested_namespace": Case("""
            import sys
            import na.nb.one
            try:
                import na.nb.nothing
            except ImportError as e:
                WHY = str(e)
            import na.nb.two
            def report():
                return WHY, list(na.nb.__path__), na.nb.two.HAS, list(sys.modules)
            """, packages={"na/nb/one.py": "try:\n    import na.nb.missing\nexcept ImportError:\n    pass\nX = 1\n",
              "na/nb/two.py": "try:\n    from na.nb import missing_too\n    HAS = 1\nexcept ImportError:\n    HAS = 0\n"}),
        "extension_modules": Case("""
            import sys
            import markupsafe, PIL.Image
            def report():
                return str(markupsafe.escape("<")), PIL.Image.new("1", (2, 2)).size
            """, ready=None, needs=["markupsafe", "PIL.Image"]),
        "dataclasses_and_pickle": Case("""
            import pickle, dc
            def report():
                return pickle.loads(pickle.dumps(dc.P(1))) == dc.P(1), dc.P.__module__, dc.E.A is pickle.loads(pickle.dumps(dc.E.A))
            """, packages={"dc.py": "import dataclasses, enum\n@dataclasses.dataclass\nclass P:\n    x: int\nclass E(enum.Enum):\n    A = 1\n"}),
        "from_star_with_all": Case("""
            from pk import *
            import pk
            def report():
                return sorted(n for n in globals() if n in ("a", "b", "c")), sorted(vars(pk))
            """, packages={"pk/__init__.py": "__all__ = ['a', 'b']\n", "pk/a.py": "X=1\n", "pk/b.py": "from . import c\n", "pk/c.py": ""}),
    }


if __name__ == "__main__":
    unittest.main()
