"""Which Python packages are missing, and their installation: torch by the extension PyTorch, the rest by pip."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from importlib import metadata
from pathlib import Path

import slicer

from SpineLib.errors import SpineError
from SpinePanel.i18n import tr as _

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
#: What one function alone needs is asked for when it is first used: requirement, as in ``pyproject.toml``, by the name
#: that is imported.
OPTIONAL = {
    "highdicom": "highdicom>=0.25",
    "manifold3d": "manifold3d>=3.2",
    "skimage": "scikit-image>=0.22",
}
#: PyTorch as the library needs it; below the first nothing runs, below the second numpy 2 has to be gone around, which
#: works but is not what the models were measured with.
OLDEST_TORCH, TESTED_TORCH = (2, 2), (2, 4)
#: Slicer's own builds, which pip must never replace, and torch, which another extension installs.
_KEEP = ["torch", "SimpleITK", "numpy", "vtk"]


def missingPackages() -> list[str]:
    """Names of the packages that have to be installed before a job can run; cheap, nothing is imported."""
    importlib.invalidate_caches()
    missing = [] if importlib.util.find_spec("torch") and not torchTooOld() else ["torch"]
    return missing + [str(requirement) for requirement in _requirements() if not _isInstalled(requirement)]


def torchTooOld() -> str:
    """What to do about a PyTorch with which nothing runs, as a sentence; "" of one that works, or of none."""
    found = _torchVersion()
    if not found or found >= OLDEST_TORCH:
        return ""
    return _(
        "PyTorch {version} is too old: uninstall it in the module PyTorch Utils, restart Slicer, press Install."
    ).format(version=".".join(map(str, found)))


def torchDoubt() -> str:
    """What to know of a PyTorch that works, but is older than those that were tested; "" of others."""
    found = _torchVersion()
    if not found or not OLDEST_TORCH <= found < TESTED_TORCH:
        return ""
    return _(
        "PyTorch {version} is older than what the models were measured with (2.4), as on Macs with Intel processors: "
        "runs are slower, since images are copied to it byte by byte."
    ).format(version=".".join(map(str, found)))


def _torchVersion() -> tuple[int, ...]:
    """Major and minor number of the installed PyTorch, without importing it; () where nothing tells."""
    try:
        parts = metadata.version("torch").split(".")[:2]
    except metadata.PackageNotFoundError:
        return ()
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()


def installMissing(requester: str) -> None:
    """Install what is missing; Slicer asks the user and shows progress.

    Args:
        requester: the module's title, for the question.

    Raises:
        SpineError: the user declined, the extension PyTorch is missing, or an installation failed.
    """
    if too_old := torchTooOld():
        raise SpineError(too_old)
    if not importlib.util.find_spec("torch"):
        _installTorch()
    missing = [requirement for requirement in _requirements() if not _isInstalled(requirement)]
    if missing:
        _installByPip(missing, requester)
    importlib.invalidate_caches()
    still = missingPackages()
    if still:
        raise SpineError(
            _("Still missing: {names}. Restart Slicer, then press Install again.").format(names=", ".join(still))
        )


def installOptional(module: str, requester: str) -> None:
    """Install a package that only one function needs, when it is first used; does nothing where it is there.

    Args:
        module: of :data:`OPTIONAL`.
        requester: the module's title, for the question.

    Raises:
        SpineError: the user declined, or the installation failed.
    """
    importlib.invalidate_caches()
    if importlib.util.find_spec(module):
        return
    line = OPTIONAL[module]
    _installByPip([_requirement(line)], requester)
    importlib.invalidate_caches()
    if not importlib.util.find_spec(module):
        raise SpineError(_("{line} was not installed: try again to do so.").format(line=line))


def _installTorch():
    try:
        import PyTorchUtils
    except ImportError as error:
        raise SpineError(
            _("Install the extension PyTorch in the Extensions Manager, restart Slicer, then press Install again.")
        ) from error
    try:
        torch = PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=True)
    except Exception as error:
        logging.exception("torch could not be installed")
        raise SpineError(_("PyTorch could not be installed: check the network connection and the log.")) from error
    if torch is None:
        raise SpineError(_("PyTorch was not installed: press Install again to do so."))


def _installByPip(missing, requester):
    try:
        packaging = _slicersPackaging()
        if packaging is not None:
            packaging.pip_ensure(missing, skip_packages=_KEEP, requester=requester)
        elif slicer.util.confirmOkCancelDisplay(
            _("{requester} needs these Python packages:\n{lines}\n\nInstall?").format(
                requester=requester, lines=_lines(missing)
            )
        ):
            slicer.util.pip_install(" ".join(map(str, missing)))  # Slicer 5.10
    except RuntimeError as error:
        raise SpineError(_("The packages were not installed: press Install again to do so.")) from error
    except Exception as error:
        logging.exception("packages could not be installed")
        raise SpineError(_("The packages could not be installed: check the network connection and the log.")) from error


def _slicersPackaging():
    """Slicer's own installer, which keeps pip from its packages; None before Slicer 5.12.

    It is no attribute of ``slicer`` before somebody has imported it.
    """
    for name in ("slicer.packaging", "slicer.pydeps"):  # the same module, renamed after 5.12
        try:
            return importlib.import_module(name)
        except ImportError:
            pass
    return None


def _requirements():
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return [_requirement(line) for line in lines if line.strip() and not line.startswith("#")]


def _requirement(line):
    try:
        packaging = importlib.import_module("packaging.requirements")
    except ImportError:
        packaging = importlib.import_module("pip._vendor.packaging.requirements")
    return packaging.Requirement(line)


def _isInstalled(requirement):
    try:
        return metadata.version(requirement.name) in requirement.specifier
    except metadata.PackageNotFoundError:
        return False


def _lines(missing):
    return "\n".join(f"- {requirement}" for requirement in missing)
