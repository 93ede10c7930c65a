"""What every test finds: the repository, the real images where they are, and none of the user's own settings."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

# Set before Qt, VTK or matplotlib is imported anywhere: tests need no screen.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("MPLBACKEND", "Agg")
if "PYTEST_XDIST_WORKER" in os.environ:  # Two processes test side by side: each is to compute on one core.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "1")

#: Files whose tests take longest: they come first, so that no process is left alone with one of them at the end.
LONG = (
    "panel/test_walk.py",
    "house/test_demo.py",
    "evaluation/test_detection.py",
    "studies/test_repair_study.py",
    "studies/test_segmentation_study.py",
    "tasks/test_register.py",
    "training/segmentation/test_ranks.py",
    "training/test_plan.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the tests of LONG first; the others keep their order."""
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONG))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root folder of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images (``SPINE_SHARED_DATA``, or ``../shared/data``); tests that need it skip without it."""
    folder = Path(os.environ.get("SPINE_SHARED_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("no real images here: set SPINE_SHARED_DATA to the folder that holds mr_lumbar/ and the others")
    return folder


@pytest.fixture
def ordinary_user():
    """A context manager in which permissions count: root, whom none stops, is nobody meanwhile."""

    @contextmanager
    def become():
        if not hasattr(os, "setresuid") or os.getuid() != 0:
            yield
            return
        os.setresuid(65534, 65534, 0)
        try:
            yield
        finally:
            os.setresuid(0, 0, 0)

    return become


@pytest.fixture
def open_folder():
    """A temporary folder that every user may enter; pytest's own are the user's alone."""
    with tempfile.TemporaryDirectory(prefix="spine-test-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture(scope="session", autouse=True)
def _no_models_of_the_user(tmp_path_factory):
    """Point the user's model folder at an empty one, so that installed bundles change no test."""
    before = os.environ.get("SPINE_MODELS")
    os.environ["SPINE_MODELS"] = str(tmp_path_factory.mktemp("user-models"))
    yield
    if before is None:
        del os.environ["SPINE_MODELS"]
    else:
        os.environ["SPINE_MODELS"] = before
