"""Where a user's own things lie: imported models, corrected patients."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from SpineLib.errors import SpineError


def user_data(what: str, variable: str) -> Path:
    """A folder of the user's: what the environment's ``variable`` says, else in the platform's place for such data.

    Args:
        what: name of the folder ("Models").
        variable: name of an environment variable ("SPINE_MODELS").

    Raises:
        SpineError: the system knows no home folder of this user.
    """
    if os.environ.get(variable):
        return Path(os.environ[variable])
    try:
        if sys.platform == "win32":
            base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        elif sys.platform == "darwin":
            base = Path.home() / "Library" / "Application Support"
        else:
            base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    except RuntimeError as error:
        raise SpineError(
            f"The system knows no home folder of yours, where your {what.lower()} lie: say one by the environment's "
            f"{variable}."
        ) from error
    return base / "SpineOncology" / what
