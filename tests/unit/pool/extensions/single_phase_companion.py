"""What single_phase imports when it is initialised."""

import sys
import threading
import types


def _load_another():
    """As an application in the same interpreter may at any moment, from the same folder."""
    module = types.ModuleType("bystander")
    module.__file__ = __file__
    module.saw_the_folder = any(__file__.startswith(entry + "/") for entry in sys.path)
    sys.modules["bystander"] = module


_thread = threading.Thread(target=_load_another)
_thread.start()
_thread.join()
