"""Several commands of ``spine`` one after the other and beside each other, within a time, and going on after a stop.

A plan is a TOML file of stages: cohorts that are simulated on the machine's cores, trainings that follow them. What a
stage did stays in the plan's folder, and each of its commands goes on where it was, so a plan that was stopped goes on.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from SpineLib.errors import SpineError

PLANS = Path(__file__).parent / "plans"
_LOOK = 0.2


@dataclass(frozen=True)
class Stage:
    """One command.

    Attributes:
        name: of the stage, and of its log.
        command: what follows ``spine``, with ``{out}`` (the plan's folder), ``{cores}``, ``{half}`` of
            them, ``{minutes}`` and ``{cases}``.
        share: of the plan's time; ``{minutes}`` is that.
        uses: "cores" or "card": stages that use the same are run one after the other.
        after: names of stages that have to be done before.
        cases: what ``{cases}`` is where the plan has its own time; in proportion with another.
    """

    name: str
    command: str
    share: float
    uses: str = "cores"
    after: tuple[str, ...] = ()
    cases: int = 0


@dataclass(frozen=True)
class Plan:
    """Stages, and the minutes that they are made for."""

    stages: tuple[Stage, ...]
    minutes: float

    @classmethod
    def read(cls, path_or_name: str | Path) -> Plan:
        """The plan of a TOML file, or one of :data:`PLANS` by its name.

        Raises:
            SpineError: there is none, or it holds what is no stage.
        """
        path = PLANS / f"{path_or_name}.toml"
        path = path if path.is_file() else Path(path_or_name)
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
            stages = tuple(Stage(**{**stage, "after": tuple(stage.get("after", ()))}) for stage in values["stage"])
            plan = cls(stages, float(values["minutes"]))
        except OSError as error:
            known = ", ".join(sorted(file.stem for file in PLANS.glob("*.toml")))
            raise SpineError(f"There is no plan '{path_or_name}'; give a TOML file or one of: {known}.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise SpineError(f"'{path.name}' is no valid plan: {error}.") from error
        plan._check(path.name)
        return plan

    def _check(self, name: str) -> None:
        known: set[str] = set()
        for stage in self.stages:
            if not set(stage.after) <= known or stage.name in known or stage.uses not in ("cores", "card"):
                raise SpineError(f"'{name}' is no valid plan: stage '{stage.name}' does not fit those before it.")
            known.add(stage.name)

    def arguments(self, stage: Stage, out: Path, minutes: float, cores: int) -> list[str]:
        """The words of a stage's command, without ``spine``, where the whole plan has ``minutes``."""
        cases = max(6, round(stage.cases * minutes / self.minutes))
        text = stage.command.format(
            out=shlex.quote(str(out)),
            cores=cores,
            half=max(1, cores // 2),
            minutes=f"{stage.share * minutes:.4g}",
            cases=cases,
        )
        return shlex.split(text)


def run_plan(
    plan: Plan, out: Path, minutes: float, cores: int, report: Callable[[str], None] = lambda text: None
) -> None:
    """Run what is not done yet; each stage's words go to ``out / "NAME.log"``.

    Raises:
        SpineError: a command failed, or the folder was begun with other minutes or cores.
        KeyboardInterrupt: after the commands were told to save and stop.
    """
    (out / "done").mkdir(parents=True, exist_ok=True)
    left = [stage for stage in plan.stages if not _mark(out, stage).is_file()]
    running: dict[str, tuple[Stage, subprocess.Popen]] = {}
    done = {stage.name for stage in plan.stages} - {stage.name for stage in left}
    started = time.monotonic()
    try:
        while left or running:
            for stage in [s for s in left if s.uses not in running and set(s.after) <= done]:
                if stage.uses not in running:
                    words = plan.arguments(stage, out, minutes, cores)
                    report(f"{_clock(started)} {stage.name}: spine {shlex.join(words)}")
                    running[stage.uses] = stage, _start(words, out / f"{stage.name}.log")
                    left.remove(stage)
            for uses, (stage, process) in list(running.items()):
                if process.poll() is None:
                    continue
                del running[uses]
                if process.returncode:
                    raise SpineError(
                        f"'{stage.name}' ended with status {process.returncode}; see '{stage.name}.log', then give "
                        "the same command again."
                    )
                _mark(out, stage).touch()
                done.add(stage.name)
                report(f"{_clock(started)} {stage.name}: done")
            time.sleep(_LOOK)
    finally:
        for _, process in running.values():
            process.terminate()  # trainings save and stop
        for _, process in running.values():
            process.wait()


def _start(words: Sequence[str], log: Path) -> subprocess.Popen:
    with open(log, "ab") as stream:
        return subprocess.Popen([sys.executable, "-m", "SpineLib", *words], stdout=stream, stderr=subprocess.STDOUT)


def _mark(out: Path, stage: Stage) -> Path:
    return out / "done" / stage.name


def _clock(started: float) -> str:
    seconds = int(time.monotonic() - started)
    return f"{seconds // 60:02d}:{seconds % 60:02d}"
