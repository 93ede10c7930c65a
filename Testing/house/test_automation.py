"""What runs elsewhere and cannot run here: workflows, templates and hooks are well formed and call what exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
GITHUB = REPOSITORY / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
#: Each file with the schema that check-jsonschema carries for it: GitHub's own, and that of citation files.
SCHEMAS = {
    **dict.fromkeys(WORKFLOWS, "vendor.github-workflows"),
    GITHUB / "dependabot.yml": "vendor.dependabot",
    GITHUB / "ISSUE_TEMPLATE" / "bug.yml": "vendor.github-issue-forms",
    GITHUB / "ISSUE_TEMPLATE" / "wish.yml": "vendor.github-issue-forms",
    GITHUB / "ISSUE_TEMPLATE" / "config.yml": "vendor.github-issue-config",
    REPOSITORY / "CITATION.cff": "vendor.citation-file-format",
}
#: Programs that the runners have.
PROGRAMS = {"python", "sudo", "make", "cd"}


def read(path: Path) -> dict:
    return yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)  # "on" stays a word, 3.10 a version


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.M))


def steps(workflow: dict) -> list[dict]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_a_file_has_the_form_that_its_reader_expects(path):
    line = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", SCHEMAS[path], str(path)]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_file_that_github_reads_is_checked():
    assert set(GITHUB.rglob("*.yml")) == {path for path in SCHEMAS if path.is_relative_to(GITHUB)}


def test_tests_run_on_three_systems_with_every_python_that_the_package_names():
    matrix = read(GITHUB / "workflows" / "tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert [system.partition("-")[0] for system in matrix["system"]] == ["ubuntu", "windows", "macos"]
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == f">={matrix['python'][0]}" and matrix["python"][-1] == "3.13"


def command_problems(text: str, targets: set[str]) -> list[str]:
    """What the commands of one step call that does not exist."""
    problems = []
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(re.sub(r"\$\{\{.*?\}\}", "x", line))
        if words[0] == "sudo":
            words = words[1:]
        if words[0] == "make":
            problems += [f"no target {word}" for word in words[1:] if "=" not in word and word not in targets]
        elif words[0].startswith(".ci/"):
            problems += [] if (REPOSITORY / words[0]).is_file() else [f"no file {words[0]}"]
        elif words[0] not in PROGRAMS and not re.search(r"/bin/(python|spine)$", words[0]):
            problems.append(f"no program {words[0]}")
        if words[1:3] == ["-m", "pytest"]:
            folders = [word for word in words[3:] if re.fullmatch(r"[A-Z]\w+(/\w+)*", word)]
            problems += [f"no folder {word}" for word in folders if not (REPOSITORY / word).is_dir()]
    return problems


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_calls_commands_that_exist(path):
    targets = make_targets()
    commands = [step["run"] for step in steps(read(path)) if "run" in step]
    assert commands and not [problem for text in commands for problem in command_problems(text, targets)]


def test_a_planted_command_that_does_not_exist_is_noticed():
    assert command_problems("make tset", {"test"}) == ["no target tset"]
    assert command_problems("sudo .ci/nothing", set()) == ["no file .ci/nothing"]
    assert command_problems("tox -q", set()) == ["no program tox"]
    assert command_problems("python -m pytest -q Tests", set()) == ["no folder Tests"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read_and_every_job_ends_by_itself(path):
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_names_only_what_its_matrix_has(path):
    for job in read(path)["jobs"].values():
        names = set(re.findall(r"matrix\.(\w+)", yaml.dump(job)))
        assert names <= job.get("strategy", {}).get("matrix", {}).keys()


def test_extras_of_the_package_that_a_workflow_installs_exist():
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    for path in WORKFLOWS:
        for step in steps(read(path)):
            for listed in re.findall(r"\.\[([\w,]+)\]", step.get("run", "")):
                assert set(listed.split(",")) <= extras.keys()


def test_the_citation_names_the_version_of_the_package():
    version = re.search(r'^__version__ = "(.+)"$', (REPOSITORY / "SpineLib" / "__init__.py").read_text("utf-8"), re.M)
    assert read(REPOSITORY / "CITATION.cff")["version"] == version.group(1)


def test_hooks_before_a_commit_have_a_version_or_run_what_the_environment_has():
    hooks = read(REPOSITORY / ".pre-commit-config.yaml")["repos"]
    assert hooks
    for source in hooks:
        assert source["repo"] == "local" or re.fullmatch(r"v\d+\.\d+\.\d+", source["rev"])
        for hook in source["hooks"]:
            if source["repo"] == "local":
                program, flag, module, *_ = shlex.split(hook["entry"])
                assert (program, flag, hook["language"]) == (".venv/bin/python", "-m", "system")
                assert subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True).returncode == 0


def test_scripts_of_continuous_integration_are_sound_and_may_be_run():
    for path in sorted((REPOSITORY / ".ci").iterdir()):
        assert sys.platform == "win32" or path.stat().st_mode & 0o111, path.name
        assert subprocess.run(["bash", "-n", str(path)], capture_output=True).returncode == 0, path.name
