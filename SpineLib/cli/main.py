"""The command ``spine``: finds the subcommand, runs it, and turns its end into a sentence and an exit code."""

from __future__ import annotations

import argparse
import importlib
import os
import shlex
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from SpineLib import NOTICE, __version__
from SpineLib.cli.terminal import take_any_text
from SpineLib.errors import Cancelled, SpineError
from SpineLib.plugins import plugins
from SpineLib.progress import remarks_to

#: What each subcommand of the instrument does; ``SpineLib.cli.<name>`` is imported only when it is the one to run: help
#: is instant. Plug-ins add theirs (:mod:`SpineLib.plugins`).
COMMANDS = {
    "segment": "segment metastases, or necrosis after ablation, of one patient or a folder; or the vertebrae of a CT",
    "column": "find vertebrae, sacrum, discs and canal on MR, and name the levels",
    "followup": "segment, register and compare the scans before and after an ablation, and write a report",
    "register": "register the scan after an ablation to the one before, for the vertebra of a metastasis",
    "compare": "compare a metastasis with the necrosis after its ablation: what is covered, and the margin",
    "stability": "tell how near a lesion comes to the spinal canal; propose Bilsky's grade and the answers of SINS",
    "response": "compare the lesions of two examinations: size before and after, new and gone ones, the response",
    "agree": "compare a segmentation with a reference, all together and lesion by lesion: overlap and distances",
    "detect": "list places suspicious of metastasis on a fat-suppressed T2 volume, or lesions on a CT",
    "export": "make a printable model (STL, 3MF and others) of a segmented vertebra, checked before and after writing",
    "inpaint": "repair a vertebra that a lesion has destroyed: as a segmentation, and as a model to print",
    "models": "list, show, import, export, remove, convert and fetch models",
}

OK, ERROR, USAGE, CANCELLED = 0, 1, 2, 130
#: What ends a command like Ctrl-C: the system or a scheduler, a closed terminal, Ctrl-Break.
_ENDING = ("SIGTERM", "SIGHUP", "SIGBREAK")


class _Stopped(KeyboardInterrupt):
    """A signal that asks the process to end."""

    def __init__(self, number: int):
        self.number = number


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand.

    Args:
        argv: arguments without the program's name; default those of the process.

    Returns:
        0 when done, 1 after an error (one sentence on standard error), 2 for wrong usage, 130 when cancelled, 128 and
        the signal's number when another signal ended it (143 for SIGTERM).
    """
    take_any_text()
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        parser, run = _parser(argv)
        arguments = parser.parse_args(argv)
        arguments.typed = shlex.join(["spine", *argv])  # what a trained model's card repeats
    except SystemExit as end:  # argparse has said what it had to say
        return end.code if isinstance(end.code, int) else USAGE
    except ImportError as error:
        return _failed(error, "--debug" in argv)
    if run is None:
        parser.print_help(sys.stderr)
        return USAGE
    heard: dict[str, None] = {}
    try:
        with _signals_as_exceptions(), remarks_to(heard.setdefault):
            try:
                return run(arguments)
            finally:
                for note in heard:
                    print(f"Note: {note}", file=sys.stderr)
    except (KeyboardInterrupt, Cancelled) as end:
        print("spine: cancelled.", file=sys.stderr)
        return 128 + end.number if isinstance(end, _Stopped) else CANCELLED
    except BrokenPipeError:  # "spine models list | head": nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ERROR
    except Exception as error:
        return _failed(error, arguments.debug)


@contextmanager
def _signals_as_exceptions() -> Iterator[None]:
    """What asks the process to end unwinds it, so that children end and half-written files and folders vanish."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def stop(number: int, frame: object) -> None:
        nonlocal asked
        if not asked:  # a second one must not break off the tidying up
            asked = True
            raise _Stopped(number)

    before = {}
    for name in _ENDING:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores SIGHUP: so do we
            before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def commands() -> dict[str, tuple[str, str]]:
    """Module and one line of help of each subcommand, by name."""
    known = {name: (f"SpineLib.cli.{name}", text) for name, text in COMMANDS.items()}
    for plugin in plugins():
        known |= {name: (f"{plugin.package}.commands.{name}", text) for name, text in plugin.commands.items()}
    return known


def _parser(argv: list[str]):
    """The parser with all subcommands named, and the arguments and ``run`` of the one that is called (or None)."""
    parser = argparse.ArgumentParser(
        prog="spine",
        description=f"Tumours of the spine on MR and CT. {NOTICE}.",
        epilog="spine COMMAND --help tells more about a command.",
    )
    parser.add_argument("--debug", action="store_true", help="show where an error came from")
    parser.add_argument("--version", action="version", version=f"spine {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", title="commands")
    called = next((argument for argument in argv if not argument.startswith("-")), None)
    run = None
    for name, (place, text) in commands().items():
        if name == called:
            module = importlib.import_module(place)
            subparser = subparsers.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
            module.add_arguments(subparser)
            subparser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
            run = module.run
        else:
            subparsers.add_parser(name, help=text)
    return parser, run


def _failed(error: Exception, debug: bool) -> int:
    """One sentence on standard error; the traceback too when asked for."""
    from SpineLib.worker import sentence

    if debug:
        traceback.print_exception(error)
    text = sentence(error, "The command")
    if not debug and not isinstance(error, SpineError):
        text = text.replace("the log holds the details.", "run it again with --debug to see where.")
    print(f"spine: {text}", file=sys.stderr)
    return ERROR
