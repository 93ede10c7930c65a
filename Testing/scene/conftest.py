"""A real MRML scene for the tests of the scene room; emptied before each test."""

from __future__ import annotations

import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install SpineLib[slicer])")

from Testing import headless


@pytest.fixture
def scene():
    """The scene of the headless application, empty but for views and singletons."""
    slicer = headless.start()
    headless.close_scene()
    return slicer.mrmlScene
