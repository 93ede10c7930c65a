"""The files of the repository, as git sees them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tracked(repository) -> list[Path]:
    """Every file that is, or could be, committed."""
    if not (repository / ".git").exists():
        pytest.skip("not a git checkout")
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=repository, capture_output=True, text=True, check=True).stdout.split("\0")
    return sorted({repository / name for name in names if name and (repository / name).is_file()})
