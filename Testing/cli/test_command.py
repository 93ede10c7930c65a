"""The command ``spine`` itself: help, exit codes, and one sentence for every error."""

import importlib
import pkgutil
import re
import subprocess
import sys

import pytest

import SpineLib
from SpineLib.cli import main as command
from SpineLib.errors import Cancelled, SpineError


@pytest.fixture
def fake(monkeypatch):
    """Registers a subcommand ``fake`` that ends as the test wants."""
    import types

    def register(end):
        def run(arguments):
            if isinstance(end, BaseException):
                raise end
            return end

        module = types.ModuleType("SpineLib.cli.fake")
        module.run, module.add_arguments = run, lambda parser: parser.add_argument("--times", type=int, default=1)
        monkeypatch.setitem(sys.modules, "SpineLib.cli.fake", module)
        monkeypatch.setitem(command.COMMANDS, "fake", "fake it")

    return register


def _spine(repository, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "SpineLib", *arguments], cwd=repository, capture_output=True, text=True, timeout=60
    )


def test_help_names_every_command_and_brings_nothing_heavy(repository):
    done = _spine(repository, "--help")
    assert done.returncode == 0 and "Research use only, not a medical device" in done.stdout
    assert all(re.search(rf"^    {name}\s", done.stdout, re.M) for name in command.commands())
    code = "import sys, SpineLib.cli.main as m; m.main(['--help']); print({'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, timeout=60)
    assert done.stdout.endswith("set()\n")


def test_every_file_that_makes_a_command_is_in_the_table_or_a_part_of_one_that_is():
    modules = {module: importlib.import_module(module) for module, _ in command.commands().values()}
    assert all(callable(one.add_arguments) and callable(one.run) for one in modules.values())
    for place in ("SpineLib.cli", "SpineLab.commands"):
        for found in pkgutil.iter_modules(importlib.import_module(place).__path__, f"{place}."):
            module = importlib.import_module(found.name)
            if hasattr(module, "add_arguments") and hasattr(module, "run"):
                assert found.name in modules or any(module in vars(one).values() for one in modules.values())


@pytest.mark.parametrize("name", list(command.commands()))
def test_each_command_explains_itself_without_torch(repository, name):
    code = (
        "import sys, SpineLib.cli.main as m; code = m.main([sys.argv[1], '--help']); "
        "print(sorted({'torch', 'SimpleITK', 'skimage', 'monai'} & set(sys.modules))); sys.exit(code)"
    )
    call = [sys.executable, "-c", code, name]
    done = subprocess.run(call, cwd=repository, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and f"usage: spine {name}" in done.stdout
    assert done.stdout.endswith("[]\n")


def test_the_version_is_the_packages_own(capsys):
    assert command.main(["--version"]) == 0
    assert capsys.readouterr().out == f"spine {SpineLib.__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["unknown"], ["fake", "--unknown"], ["fake", "--times", "often"], ["--odd"]])
def test_wrong_usage_ends_with_2_and_says_so_on_standard_error(fake, capsys, arguments):
    fake(0)
    assert command.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and "usage: spine" in captured.err


@pytest.mark.parametrize(
    ("end", "code", "words"),
    [
        (0, 0, ""),
        (1, 1, ""),
        (SpineError("T1 is empty: choose another file."), 1, "spine: T1 is empty: choose another file.\n"),
        (Cancelled(), 130, "spine: cancelled.\n"),
        (KeyboardInterrupt(), 130, "spine: cancelled.\n"),
        (MemoryError(), 1, "spine: The command ran out of memory: "),
        (ZeroDivisionError("x"), 1, "unexpectedly (ZeroDivisionError): run it again with --debug to see where.\n"),
    ],
)
def test_each_end_has_its_exit_code_and_its_sentence(fake, capsys, end, code, words):
    fake(end)
    assert command.main(["fake"]) == code
    captured = capsys.readouterr()
    assert captured.out == "" and words in captured.err and captured.err.count("\n") <= 1


@pytest.mark.parametrize("arguments", [["--debug", "fake"], ["fake", "--debug"]])
def test_debug_shows_where_an_error_came_from(fake, capsys, arguments):
    fake(ValueError("odd"))
    assert command.main(arguments) == 1
    assert "Traceback" in capsys.readouterr().err
    fake(SpineError("Wrong."))
    assert command.main(arguments) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_missing_package_of_a_command_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setitem(command.COMMANDS, "absent", "not there")
    monkeypatch.setitem(sys.modules, "SpineLib.cli.absent", None)
    assert command.main(["absent"]) == 1
    assert capsys.readouterr().err.startswith("spine: The command needs the Python package")


def test_a_reader_that_goes_away_is_no_error_with_a_traceback(repository):
    code = (
        "import sys, types, SpineLib.cli.main as m\n"
        "def run(arguments):\n"
        "    for number in range(100000): print(number)\n"
        "    return 0\n"
        "module = types.ModuleType('x'); module.run = run; module.add_arguments = lambda parser: None\n"
        "sys.modules['SpineLib.cli.fake'] = module; m.COMMANDS['fake'] = 'fake'\n"
        "sys.exit(m.main(['fake']))\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "0\n"
    child.stdout.close()
    assert child.wait(30) == 1
    assert child.stderr.read() == ""
    child.stderr.close()


def test_a_list_of_files_or_formats_that_is_given_twice_is_taken_whole():
    import argparse
    import importlib

    silent, keeping = [], ("_ExtendAction", "_AppendAction")

    def look(parser, name):
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for inner, choice in action.choices.items():
                    look(choice, f"{name} {inner}")
            elif action.nargs == "+" and action.default == [] and type(action).__name__ not in keeping:
                silent.append(f"{name} {action.option_strings[0]}")

    for name, (module, _) in command.commands().items():
        parser = argparse.ArgumentParser()
        importlib.import_module(module).add_arguments(parser)
        look(parser, name)
    assert silent == []
