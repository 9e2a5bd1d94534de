"""The promise of spares, state: what libraries and the application set in other libraries."""

import unittest

from support.spares import Case, Spares

#: Two libraries: lib_a imports json, lib_b imports lib_a.
LIBRARIES = {
    "lib_a/__init__.py": "import json\nNAMES = []\nclass Thing: pass\n",
    "lib_a/part.py": "import lib_a\nVALUE = 7\n",
    "lib_b.py": "import lib_a\nTHING = lib_a.Thing()\nlib_a.NAMES.append('lib_b')\n",
}


class Registries(Spares):
    CASES = {
        "what_a_later_library_registers": Case("""
            import lib_a
            BEFORE = list(lib_a.NAMES)
            import lib_b
            def report():
                return BEFORE, lib_a.NAMES
            """, packages=LIBRARIES),
        "what_a_library_no_more_imported_registered": Case("""
            import lib_a
            import lib_b
            def report():
                return lib_a.NAMES
            """, edited="""
            import lib_a
            def report():
                return lib_a.NAMES
            """, packages=LIBRARIES, differs=True, cold="lib_b is not imported any more"),
        "settings_before_a_library": Case("""
            import lib_c
            lib_c.SETTING = 'mine'
            import lib_d
            def report():
                return lib_d.SEEN
            """, packages={"lib_c.py": "SETTING = 'default'\n",
                           "lib_d.py": "import lib_c\nSEEN = lib_c.SETTING\n"}, cold="lib_c"),
        "settings_in_a_dict": Case("""
            import lib_c
            lib_c.SETTINGS['x'] = 'mine'
            import lib_d
            def report():
                return lib_d.SEEN
            """, packages={"lib_c.py": "SETTINGS = {}\n",
                           "lib_d.py": "import lib_c\nSEEN = dict(lib_c.SETTINGS)\n"}, cold="lib_c"),
        "settings_of_a_class": Case("""
            import lib_c
            lib_c.Base.timeout = 5
            import lib_d
            def report():
                return lib_d.SEEN
            """, packages={"lib_c.py": "class Base:\n    timeout = 1\n",
                           "lib_d.py": "import lib_c\nSEEN = lib_c.Base.timeout\n"}, cold="lib_c"),
        "global_that_a_library_sets": Case("""
            import lib_c
            BEFORE = lib_c.SETTING
            import lib_d
            def report():
                return BEFORE, lib_c.SETTING
            """, packages={"lib_c.py": "SETTING = 'default'\n",
                           "lib_d.py": "import lib_c\nlib_c.SETTING = 5\n"}),
        "class_attribute_that_a_library_sets": Case("""
            import lib_c
            BEFORE = lib_c.Base.timeout, hasattr(lib_c.Base, 'extra')
            import lib_d
            def report():
                return BEFORE, lib_c.Base.timeout, lib_c.Base.extra()
            """, packages={"lib_c.py": "class Base:\n    timeout = 1\n",
                           "lib_d.py": "import lib_c\nlib_c.Base.timeout = 5\nlib_c.Base.extra = lambda *a: 3\n"}),
        "registered_with_an_object": Case("""
            import lib_r
            BEFORE = lib_r.registry.names(), lib_r.registry.last
            import lib_s
            def report():
                return BEFORE, lib_r.registry.names(), lib_r.registry.last
            """, packages={"lib_r.py": "class Registry:\n    def __init__(self):\n        self._names = []\n        self.last = None\n"
                "    def add(self, name):\n        self._names.append(name)\n        self.last = name\n    def names(self):\n        return list(self._names)\n"
                "registry = Registry()\n", "lib_s.py": "import lib_r\nlib_r.registry.add('s')\n"}),
        "monkey_patched_by_the_application": Case("""
            import json
            json.dumps = lambda value: 'patched'
            import dumps_early
            def report():
                return dumps_early.TEXT
            """, packages={"dumps_early.py": "from json import dumps\nTEXT = dumps(1)\n"},
            cold="json.dumps is replaced"),
        "monkey_patched_by_a_library": Case("""
            import json
            BEFORE = json.dumps(1)
            import patches_json
            def report():
                return BEFORE, json.dumps(1)
            """, packages={"patches_json.py": "import json\njson.dumps = lambda value: 'patched'\n"}),
        "policies_that_a_library_installs": Case("""
            import asyncio, urllib.request
            BEFORE = asyncio.events._event_loop_policy is None, urllib.request._opener is None
            import installs
            def report():
                return BEFORE, type(asyncio.get_event_loop_policy()).__name__, urllib.request._opener is None
            """, packages={"installs.py": "import asyncio, urllib.request\n"
                "class Policy(asyncio.DefaultEventLoopPolicy): pass\nasyncio.set_event_loop_policy(Policy())\n"
                "urllib.request.install_opener(urllib.request.build_opener())\n"}),
        "codecs_and_copyreg": Case("""
            import codecs, copyreg, sys
            def known():
                try:
                    return codecs.lookup('odd_codec').name
                except LookupError:
                    return None
            BEFORE = known(), complex in copyreg.dispatch_table, len(copyreg.dispatch_table)
            import odd_codec
            def report():
                return BEFORE, known(), len(copyreg.dispatch_table)
            """, packages={"odd_codec.py": "import codecs, copyreg\nclass T: pass\ncopyreg.pickle(T, str)\n"
                "codecs.register(lambda n: codecs.CodecInfo(None, None, name=n) if n == 'odd_codec' else None)\n"},
            ready="odd_codec: it registers a codec"),
        "singledispatch_and_abc": Case("""
            import sd_base, collections.abc
            BEFORE = sd_base.f(5), len(sd_base.f.registry)
            import sd_more
            def report():
                return BEFORE, sd_base.f(5), isinstance(sd_more.T(), collections.abc.Sequence)
            """, packages={"sd_base.py": "import functools\n@functools.singledispatch\ndef f(x): return 'base'\n",
                "sd_more.py": "import sd_base, collections.abc\n@sd_base.f.register\ndef _(x: int): return 'int'\nclass T: pass\ncollections.abc.Sequence.register(T)\n"}),
        "metaclass_registry": Case("""
            import mr_base
            BEFORE = list(mr_base.Base.plugins), dict(mr_base.Base.by_name), len(mr_base.Base._all)
            import mr_plugin
            def report():
                return BEFORE, [p.__name__ for p in mr_base.Base.plugins], sorted(mr_base.Base.by_name), len(mr_base.Base._all)
            """, packages={"mr_base.py": "class Base:\n    plugins = []\n    by_name = {}\n    _all = set()\n    def __init_subclass__(cls):\n"
                "        cls.plugins.append(cls)\n        cls.by_name[cls.__name__] = 1\n        cls._all.add(cls)\n",
                "mr_plugin.py": "import mr_base\nclass One(mr_base.Base): pass\nclass Two(mr_base.Base): pass\n"}),
        "closure_registry": Case("""
            import cr_base
            BEFORE = cr_base.count()
            import cr_more
            def report():
                return BEFORE, cr_base.count()
            """, packages={"cr_base.py": "def make():\n    items = []\n    def add(x): items.append(x)\n    def count(): return len(items)\n    return add, count\nadd, count = make()\n",
                "cr_more.py": "import cr_base\ncr_base.add(1)\n"}),
        "deep_registry": Case("""
            import dr_base
            BEFORE = dr_base.TREE["a"]["b"], dr_base.registry.parts.items_
            BEFORE = repr(BEFORE)
            import dr_more
            def report():
                return BEFORE, dr_base.TREE, dr_base.registry.parts.items_
            """, packages={"dr_base.py": "class R: pass\nTREE = {'a': {'b': []}}\nregistry = R()\nregistry.parts = R()\nregistry.parts.items_ = []\n",
                "dr_more.py": "import dr_base\ndr_base.TREE['a']['b'].append(1)\ndr_base.registry.parts.items_.append(2)\n"}),
        "slots_and_deque": Case("""
            import sl_base
            BEFORE = sl_base.obj.x, len(sl_base.queue), sl_base.counter['a'], len(sl_base.ordered), sl_base.default.get('k')
            import sl_more
            def report():
                return BEFORE, sl_base.obj.x, len(sl_base.queue), sl_base.counter['a'], list(sl_base.ordered), dict(sl_base.default)
            """, packages={"sl_base.py": "import collections\nclass S:\n    pass\nobj = S()\nobj.x = 1\nqueue = collections.deque()\ncounter = collections.Counter()\n"
                "ordered = collections.OrderedDict()\ndefault = collections.defaultdict(list)\n",
                "sl_more.py": "from sl_base import *\nobj.x = 2\nqueue.append(1)\ncounter['a'] += 1\nordered['z'] = 1\nordered['a'] = 1\ndefault['k'].append(5)\n"}),
        "excepthook_of_threading": Case("""
            import threading, signal
            BEFORE = threading.excepthook is threading.__excepthook__
            import thook
            def report():
                return BEFORE, threading.excepthook is threading.__excepthook__, thook.loc
            """, packages={"thook.py": "import threading, locale, signal\nthreading.excepthook = print\nloc = locale.setlocale(locale.LC_NUMERIC)\n"}),
        "monkey_patched_by_a_call": Case("""
            import plain0
            import fakegevent
            fakegevent.patch()
            import plain
            def report():
                return plain0.S.__module__, plain.S.__module__
            """, packages={"fakegevent.py": "import socket\nclass Fake: pass\ndef patch():\n    socket.socket = Fake\n",
               "plain0.py": "import socket\nfrom socket import socket as S\n", "plain.py": "import socket\nfrom socket import socket as S\n"}, cold="socket.socket is replaced"),
        "weak_references": Case("""
            import gc, weakref, wk
            def report():
                return gc.isenabled(), gc.get_threshold(), wk.dead(), len(wk.W)
            """, packages={"wk.py": "import weakref, gc\nclass C: pass\nW = weakref.WeakValueDictionary()\nx = C()\nW['x'] = x\ndef dead():\n    return W.get('y') is None\n"}),
        "registered_by_the_application_before": Case("""
            import pluggy_like
            from ownpkg import views
            import pluggy_more
            def report():
                return pluggy_like.hooks(), views.X
            """, own={"ownpkg/__init__.py": "import pluggy_like\npluggy_like.add('own')\n", "ownpkg/views.py": "from . import models\nX = models.X\n", "ownpkg/models.py": "import pluggy_like\npluggy_like.add('models')\nX = 1\n"},
            packages={"pluggy_like.py": "_h = []\ndef add(x): _h.append(x)\ndef hooks(): return list(_h)\n",
             "pluggy_more.py": "import pluggy_like\npluggy_like.add('more')\n"}, cold="pluggy_like._h is another one"),
        "public_registry_of_both": Case("""
            import reg
            reg.register('own')
            import regmore
            reg.register('own2')
            def report():
                return reg.items, reg.table, sorted(reg.names)
            """, packages={"reg.py": "items = []\ntable = {}\nnames = set()\ndef register(x):\n    items.append(x)\n    table[x] = len(items)\n    names.add(x)\n",
             "regmore.py": "import reg\nreg.register('lib')\n"}, cold="reg\\.", ),
        "private_registry_of_both": Case("""
            import reg
            reg.register('own')
            import regmore
            reg.register('own2')
            def report():
                return reg._items, reg._table, sorted(reg._names), reg.count()
            """, cold="reg._n is another one", packages={"reg.py": "_items = []\n_table = {}\n_names = set()\n_n = 0\ndef register(x):\n    global _n\n    _items.append(x)\n    _table[x] = len(_items)\n    _names.add(x)\n    _n += 1\ndef count(): return _n\n",
             "regmore.py": "import reg\nreg.register('lib')\n"}),
        "counter_of_both": Case("""
            import ids
            A = ids.new()
            import idsmore
            B = ids.new()
            def report():
                return A, idsmore.X, B
            """, packages={"ids.py": "import itertools\n_n = 0\ndef new():\n    global _n\n    _n += 1\n    return _n\n", "idsmore.py": "import ids\nX = ids.new()\n"}, cold="ids._n is another one", ready=None),
        "special_names_that_a_library_extends": Case("""
            import px
            BEFORE = list(px.__all__), list(px.__path__)
            import pxmore
            def report():
                return BEFORE, px.__all__, px.__path__ == BEFORE[1]
            """, packages={"px/__init__.py": "__all__ = ['a']\n", "pxmore.py": "import px\npx.__all__.append('b')\npx.__path__.append('/nowhere')\n"}),
        "special_names_that_a_library_sets": Case("""
            import px
            BEFORE = px.__doc__, px.__version__
            import pxmore
            def report():
                return BEFORE, px.__doc__, px.__version__, px.f.__doc__
            """, packages={"px.py": "'doc'\n__version__ = '1'\ndef f(): 'f'\n", "pxmore.py": "import px\npx.__doc__ = 'new'\npx.__version__ = '2'\n"}),
        "special_methods_that_a_library_adds": Case("""
            import px
            BEFORE = px.C().m(), hasattr(px.C, "__getitem__")
            import pxmore
            def report():
                return BEFORE, px.C().m(), px.C()[0]
            """, packages={"px.py": "class C:\n    def m(self): return 1\n", "pxmore.py": "import px\npx.C.__getitem__ = lambda s, i: i\n_m = px.C.m\npx.C.m = lambda s: _m(s) + 1\n"}),
    }


if __name__ == "__main__":
    unittest.main()
