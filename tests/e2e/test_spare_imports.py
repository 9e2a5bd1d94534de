"""The promise of spares, imports that are not plain: hooks, loaders, sys.modules, fallbacks."""

import unittest

from support.spares import Case, Spares

#: Two libraries: lib_a imports json, lib_b imports lib_a.
LIBRARIES = {
    "lib_a/__init__.py": "import json\nNAMES = []\nclass Thing: pass\n",
    "lib_a/part.py": "import lib_a\nVALUE = 7\n",
    "lib_b.py": "import lib_a\nTHING = lib_a.Thing()\nlib_a.NAMES.append('lib_b')\n",
}
PLAIN = {"plain.py": "import json\nX = 1\n", "plain_too.py": "import plain\nY = 2\n"}


class Imports(Spares):
    CASES = {
        "meta_path_finder_of_the_application": Case("""
            import sys
            class Finder:
                def find_spec(self, name, path=None, target=None):
                    SEEN.append(name)
            SEEN = []
            sys.meta_path.insert(0, Finder())
            import plain_too
            def report():
                return SEEN
            """, packages=PLAIN, cold="found in another way"),
        "meta_path_finder_at_the_end": Case("""
            import sys, importlib.machinery, importlib.abc
            class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
                def find_spec(self, name, path=None, target=None):
                    if name == 'made_up':
                        return importlib.machinery.ModuleSpec(name, self)
                def create_module(self, spec): return None
                def exec_module(self, module): module.X = 12
            sys.meta_path.append(Finder())
            import made_up
            import plain_too
            def report():
                return made_up.X, plain_too.Y
            """, packages=PLAIN, cold="found in another way", ready=None),
        "path_hook_of_the_application": Case("""
            import sys
            def hook(path):
                SEEN.append(path)
                raise ImportError
            SEEN = []
            sys.path_hooks.insert(0, hook)
            sys.path_importer_cache.clear()
            import plain_too
            def report():
                return len(SEEN) > 0
            """, packages=PLAIN, cold="found in another way"),
        "import_function_of_the_application": Case("""
            import builtins
            SEEN = []
            original = builtins.__import__
            def replaced(name, *args, **kw):
                SEEN.append(name)
                return original(name, *args, **kw)
            builtins.__import__ = replaced
            import plain_too
            SEEN_AT_LOAD = tuple(SEEN)
            def report():
                return SEEN_AT_LOAD
            """, packages=PLAIN, cold="__import__.. is another function"),
        "import_hook_of_a_library": Case("""
            import sys
            BEFORE = [type(f).__name__ for f in sys.meta_path]
            import hooking
            import hooked_module
            def report():
                return BEFORE, [type(f).__name__ for f in sys.meta_path], hooked_module.X, list(sys.modules)
            """, packages={"hooking.py": "import sys, importlib.machinery\nclass Hook:\n"
                "    def find_spec(self, name, path=None, target=None):\n"
                "        if name == 'hooked_module': return importlib.machinery.ModuleSpec(name, self)\n"
                "    def create_module(self, spec): return None\n"
                "    def exec_module(self, module): module.X = 5\n"
                "sys.meta_path.insert(0, Hook())\n".replace("\\\n", "\n")}),
        "raises_the_second_time": Case("""
            import sys
            try:
                import once
            except ImportError:
                pass
            import plain
            def report():
                return 'once' in sys.modules
            """, packages={**PLAIN, "once.py": "import os\nif 'ONCE' in os.environ: raise ImportError('twice')\n"
                "os.environ['ONCE'] = '1'\n"}),
        "optional_dependency_of_ones_own": Case("""
            import wants_own, plain
            def report():
                return wants_own.HAS
            """, own={"own_settings.py": "X = 1\n"}, packages={**PLAIN, "wants_own.py":
                "try:\n    import own_settings\n    HAS = True\nexcept ImportError:\n    HAS = False\n"},
            ready="wants_own: it imports own_settings, which is the application's own"),
        "optional_own_module_added_by_an_edit": Case("""
            import wants_own, plain
            def report():
                return wants_own.HAS
            """, packages={**PLAIN, "wants_own.py":
                "try:\n    import own_settings_b\n    HAS = True\nexcept ImportError:\n    HAS = False\n"},
            edit=lambda cls, name: cls.put(name + "/app/own_settings_b.py", "X = 1\n"),
            cold="own_settings_b", differs=True),
        "lazy_loader": Case("""
            import sys, importlib.util
            def lazy(name):
                spec = importlib.util.find_spec(name)
                spec.loader = importlib.util.LazyLoader(spec.loader)
                module = importlib.util.module_from_spec(spec)
                sys.modules[name] = module
                spec.loader.exec_module(module)
                return module
            plain = lazy("plain")
            BEFORE = "json" in sys.modules
            X = plain.X
            def report():
                return BEFORE, X, "json" in sys.modules
            """, packages=PLAIN, cold="create_module.. for plain", ready=None),
        "imported_by_other_ways": Case("""
            import importlib, pkgutil, runpy, sys
            plain = importlib.import_module("plain")
            NAMES = runpy.run_module("other_module")
            OTHER = "other_module" in sys.modules
            pkgutil.resolve_name("plain_too:Y")
            exec("import decimal")
            import other_module
            def report():
                return plain.X, NAMES["Y"], OTHER, list(sys.modules)
            """, packages={**PLAIN, "other_module.py": "import plain\nY = 5\n"}),
        "made_from_a_spec_by_hand": Case("""
            import importlib.util, sys
            import lib_a
            SPEC = importlib.util.find_spec('lib_b')
            COPY = importlib.util.module_from_spec(SPEC)
            SPEC.loader.exec_module(COPY)
            AT = 'lib_b' in sys.modules
            NAMES = list(lib_a.NAMES)
            import lib_b
            def report():
                return AT, COPY is lib_b, COPY.THING is lib_b.THING, lib_a.NAMES, NAMES
            """, packages=LIBRARIES, cold="create_module.. for lib_b"),
        "reloaded_by_importlib": Case("""
            import importlib, sys
            import lib_a, lib_b
            BEFORE = lib_b.THING
            importlib.reload(lib_b)
            import lib_a.part
            def report():
                return BEFORE is lib_b.THING, lib_a.NAMES, lib_b.__spec__.name, list(sys.modules)
            """, packages=LIBRARIES, cold="before lib_a.part, lib_a.NAMES is replaced"),
        "replaced_after_it_was_imported": Case("""
            import sys, types
            import json
            sys.modules['json'] = types.SimpleNamespace(dumps=repr)
            import lib_a
            def report():
                return lib_a.json.dumps('x')
            """, packages=LIBRARIES, cold="sys.modules..json.. is replaced"),
        "deleted_from_sys_modules": Case("""
            import sys
            import lib_a
            FIRST = lib_a
            del sys.modules['lib_a']
            import lib_b
            import lib_a
            def report():
                return FIRST is lib_a, lib_b.lib_a is lib_a, lib_a.NAMES, FIRST.NAMES
            """, packages=LIBRARIES, cold="before lib_b, sys.modules..lib_a.. is replaced"),
        "replaced_in_sys_modules": Case("""
            import sys, types
            OTHER = types.ModuleType('lib_g')
            OTHER.X = 'other'
            sys.modules['lib_g'] = OTHER
            import lib_h
            def report():
                return lib_h.lib_g.X
            """, packages={"lib_g.py": "X = 'library'\n", "lib_h.py": "import lib_g\n"},
            ready=None, cold=".*"),
        "blocked_in_sys_modules": Case("""
            import sys
            sys.modules['lib_g'] = None
            import lib_h
            def report():
                return lib_h.X
            """, packages={"lib_g.py": "X = 'library'\n", "lib_h.py":
                           "try:\n    import lib_g\n    X = 1\nexcept ImportError:\n    X = 2\n"},
            ready=None, cold=".*"),
        "only_looked_up_in_sys_modules": Case("""
            import sys
            import lib_a
            BEFORE = [name in sys.modules for name in ('lib_a', 'lib_b', 'lib_a.part')]
            import lib_b
            BETWEEN = [name in sys.modules for name in ('lib_a', 'lib_b', 'lib_a.part')]
            import lib_a.part
            def report():
                return BEFORE, BETWEEN, sys.modules['lib_a.part'] is lib_a.part
            """, packages=LIBRARIES),
        "standard_module_hidden_by_an_edit": Case("""
            import lib_r
            def report():
                return lib_r.V
            """, packages={"lib_r.py": "import random\nV = getattr(random, 'OWN', 'standard')\n"}, cold="random is found elsewhere", differs=True,
            edit=lambda cls, name: cls.put(name + "/app/random.py", "OWN = 'own'\n")),
        "standard_module_hidden_by_the_application": Case("""
            import lib_r, plain
            def report():
                return lib_r.V
            """, own={"random.py": "OWN = 'own'\n"}, packages={"lib_r.py": "import random\nV = getattr(random, 'OWN', 'standard')\n", "plain.py": "import json\n"}, ready=None),
    }


if __name__ == "__main__":
    unittest.main()
