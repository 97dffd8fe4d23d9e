"""What somebody may do to the sample database by hand, and what a comparison should report of each.

Each module here has ``CHANGES``, and may have ``SAMPLE``: SQL that makes more objects in the sample database.
"""

import importlib
import pkgutil

_MODULES = [importlib.import_module(module.name) for module in pkgutil.iter_modules(__path__, f"{__name__}.")]

CHANGES = [change for module in _MODULES for change in module.CHANGES]
SAMPLES = [module.SAMPLE for module in _MODULES if hasattr(module, "SAMPLE")]
