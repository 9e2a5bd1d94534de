"""Which extension module a case is about, and which generation it runs in."""

import importlib
import os
import sys
import types

extension = importlib.import_module(os.environ["CASE_EXTENSION"])
GENERATION = os.environ.get("CASE_GENERATION", "1")


def make_settings(**names):
    """A module `settings`, as an application has one."""
    settings = types.ModuleType("settings")
    settings.__dict__.update(names)
    sys.modules["settings"] = settings
