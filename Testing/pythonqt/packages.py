"""``slicer.packaging`` with its real checks, and an installer that only notes what it was asked for."""

from __future__ import annotations

import types
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement


def module():
    """The module; ``installed`` lists what ``pip_ensure`` was asked for, ``missing`` names what counts as absent."""
    packaging = types.ModuleType("slicer.packaging")
    packaging.installed, packaging.missing = [], set()

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

    packaging.load_requirements, packaging.pip_check, packaging.pip_ensure = load_requirements, pip_check, pip_ensure
    return packaging
