"""The user's word: take the model that was trained, or go back to the former."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from SpineLib.cohort.corrections import WORK, LearningState, read_state, write_state
from SpineLib.errors import SpineError
from SpineLib.models import find_bundle, import_bundle, remove_bundle
from SpineLib.models.card import read_card


def accept(folder: Path) -> LearningState:
    """Install the proposed model; it is in use from now on.

    Raises:
        SpineError: there is none, or it cannot be installed.
    """
    state = read_state(folder)
    if not state.proposed:
        raise SpineError("There is no new model to accept; train one first.")
    import_bundle(folder / WORK / "proposed")
    accepted = replace(state, in_use=state.proposed, former=(*state.former, state.in_use), proposed="")
    write_state(folder, accepted)
    return accepted


def drop(folder: Path) -> LearningState:
    """Forget the proposed model; nothing was installed.

    Raises:
        SpineError: there is none.
    """
    state = read_state(folder)
    if not state.proposed:
        raise SpineError("There is no new model to drop.")
    shutil.rmtree(folder / WORK / "proposed", ignore_errors=True)
    dropped = replace(state, proposed="")
    write_state(folder, dropped)
    return dropped


def back(folder: Path) -> tuple[LearningState, str]:
    """Take the former model again and remove the one in use; the state and the id of the model in use now.

    Raises:
        SpineError: there is no former model, or it is not installed any more.
    """
    state = read_state(folder)
    if not state.former or not state.in_use:
        raise SpineError("No new model was accepted, so there is none to go back from.")
    former = state.former[-1]
    found = find_bundle(former or state.base)  # refuses before anything is removed
    leaving = find_bundle(state.in_use)
    if read_card(leaving.folder).training_data.get("local_patients"):
        remove_bundle(state.in_use)
    back_to = replace(state, in_use=former, former=state.former[:-1])
    write_state(folder, back_to)
    return back_to, found.card.id
