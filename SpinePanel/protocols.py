"""What the parts of a panel ask of one another: a run, a step, a listener to jobs. No Qt here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol


class Run(Protocol):
    """What the user asked for when pressing a button; later changes of the panel do not touch it.

    Attributes:
        job: name of the worker's job.
    """

    job: str

    def steps(self) -> Sequence[tuple[str, Callable[[Path], Any]]]:
        """(text, callable) pairs that write the inputs into the private folder they get; in pieces, since the window
        waits for each of them."""

    def meanwhile(self) -> Sequence[Callable[[], Any]]:
        """Callables for the time the worker takes: what the result will need is imported by then."""

    def parameters(self, folder: Path) -> dict[str, Any]:
        """The job's parameters once all steps are done."""

    def finish(self, result: dict[str, Any], folder: Path) -> Any:
        """Bring the worker's result to where it belongs, all of it or nothing; None when the scene was closed.

        Raises:
            SpineError: one sentence for the user.
        """

    def release(self) -> None:
        """The run is over, in whatever way: let go of the scene."""


class JobListener(Protocol):
    """Who hears of a panel's job; of the last three of :class:`SpinePanel.jobs.JobRunner` exactly one is called."""

    def jobStateChanged(self) -> None:
        """A job began or ended, here or in another panel."""

    def jobProgressed(self, fraction: float, text: str, remaining: str) -> None:
        """Fraction (0 to 1), the stage, and the remaining time in words ("" while unknown)."""

    def jobOffers(self, path: Path) -> None:
        """A file to be looked at while the job runs."""

    def jobSucceeded(self, result: dict[str, Any], folder: Path) -> None:
        """The result, and the folder with its files, which is removed afterwards."""

    def jobFailed(self, sentence: str, details: str) -> None:
        """One sentence for the user, details for the log."""

    def jobCancelled(self) -> None:
        """As the user wanted, or because the scene was closed."""


class Status(Protocol):
    """Where a step tells one sentence."""

    name: str

    def say(self, sentence: str, error: bool = False, warning: bool = False, about: Any = None) -> None:
        """Show the sentence in place of the last one; it may be about a node."""

    def progress(self, fraction: float, text: str, remaining: str) -> None:
        """Show how far the step's job is."""


class Step(Protocol):
    """One section of a panel, as :class:`SpinePanel.steppanel.StepPanel` handles it.

    :class:`SpinePanel.step.StepBase` is all of it but what a step is there for.
    """

    widgets: Status

    def setParameterNode(self, parameterNode: Any) -> None:
        """Another parameter node, or none while the module is hidden or the scene closes."""

    def update(self) -> None:
        """Follow parameter node and job; does nothing twice."""

    def lookAgain(self) -> None:
        """The module is shown again: Slicer tells nothing of what was edited meanwhile."""

    def summary(self) -> tuple[bool, str]:
        """Whether the step is done, and a few words for its header."""

    def attention(self) -> bool:
        """Whether it says something that nobody may miss: then its section stays open."""

    def clear(self) -> None:
        """The scene is being closed."""

    def refresh(self) -> None:
        """The section was opened, which shows all its widgets: hide again what has nothing to say."""

    def close(self) -> None:
        """Let go of widgets and scene."""
