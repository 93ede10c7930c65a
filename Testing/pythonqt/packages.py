"""``slicer.packaging`` with its real checks, and an installer that only notes what it was asked for.

As in Slicer the module is found by ``import slicer.packaging``, and ``slicer`` has no attribute of that name before.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
import types
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement

NAME = "slicer.packaging"


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Lets the module be imported; ``module`` is there from the start, for tests."""

    def __init__(self):
        self.module = module()

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(NAME, self) if name == NAME else None

    def create_module(self, spec):
        return self.module

    def exec_module(self, module):
        """It was filled when it was made."""

    def install(self) -> None:
        self.forget()
        sys.meta_path.insert(0, self)

    def forget(self) -> None:
        """As before the first import."""
        sys.modules.pop(NAME, None)
        sys.modules["slicer"].__dict__.pop("packaging", None)

    def remove(self) -> None:
        self.forget()
        sys.meta_path.remove(self)


def module():
    """The module.

    ``installed`` lists what ``pip_ensure`` was asked for, ``by_pip`` what ``pip_install`` was, without anybody who
    holds it back from Slicer's own packages; ``missing`` names what counts as absent.
    """
    packaging = types.ModuleType(NAME)
    packaging.installed, packaging.by_pip, packaging.missing = [], [], set()

    def load_requirements(path):
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        return [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]

    def pip_check(req):
        if isinstance(req, list):
            return all(pip_check(one) for one in req)
        requirement = req if isinstance(req, Requirement) else Requirement(req)
        if requirement.name in packaging.missing:
            return False
        try:
            return version(requirement.name) in requirement.specifier
        except PackageNotFoundError:
            return False

    def pip_ensure(
        requirements,
        constraints=None,
        skip_packages=None,
        prompt_install=True,
        prompt_restart=True,
        requester=None,
        skip_in_testing=True,
        show_progress=True,
    ):
        lacking = [str(req) for req in requirements if not pip_check(req)]
        packaging.installed.append((lacking, skip_packages, requester))
        return []

    def pip_install(requirements, **options):
        packaging.by_pip.append(requirements)

    packaging.load_requirements, packaging.pip_check = load_requirements, pip_check
    packaging.pip_ensure, packaging.pip_install = pip_ensure, pip_install
    return packaging
