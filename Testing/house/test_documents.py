"""The documents keep their word: links lead somewhere, commands and options exist, words on the panels are there."""

from __future__ import annotations

import json
import math
import re
import tomllib
from pathlib import Path

import pytest

from Testing.house import documents as reading
from Testing.house.documents import PYTHON, SHELL, Block, blocks, commands, documents, problem
from Testing.house.structure import FLOORS

REPOSITORY = Path(__file__).resolve().parents[2]
#: Where a user is led; cards of models are written by trainings.
WRITTEN = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Testing/README.md", "docs/")


@pytest.fixture(scope="module")
def texts(tracked) -> dict[str, str]:
    return documents(tracked)


def anchor(title: str) -> str:
    """The anchor a forge makes of a heading."""
    title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
    return re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", title).strip().lower()).replace(" ", "-")


def without_code(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.S)


def test_every_link_in_the_documents_leads_somewhere(texts):
    broken = []
    for name, text in texts.items():
        path = REPOSITORY / name
        plain = without_code(text)
        for target in re.findall(r"\]\(([^)\s]+)\)", plain) + re.findall(r'<img[^>]* src="([^"]+)"', plain):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, fragment = target.partition("#")
            goal = (path.parent / file) if file else path
            if not goal.exists():
                broken.append(f"{name}: {target}")
            elif fragment and goal.suffix == ".md":
                titles = re.findall(r"^#+ (.+)$", without_code(goal.read_text(encoding="utf-8")), re.M)
                if fragment not in [anchor(title) for title in titles]:
                    broken.append(f"{name}: {target}")
    assert not broken


def test_every_document_can_be_reached_from_the_readme(texts):
    reached, ahead = set(), ["README.md"]
    while ahead:
        name = ahead.pop()
        if name in reached or name not in texts:
            continue
        reached.add(name)
        for target in re.findall(r"\]\(([^)\s#]+)[^)]*\)", without_code(texts[name])):
            goal = ((REPOSITORY / name).parent / target).resolve()
            if not re.match(r"[a-z]+:", target) and goal.suffix == ".md":
                ahead.append(goal.relative_to(REPOSITORY).as_posix())
    assert {name for name in texts if name.startswith(WRITTEN)} <= reached


def test_every_picture_is_shown_somewhere_and_every_drawing_is_sound(texts, tracked):
    shown = " ".join(texts.values()) + (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")
    pictures = [path for path in tracked if path.parent.name in ("Screenshots", "drawings")]
    assert [path.name for path in pictures if path.name not in shown] == []
    for path in pictures:
        if path.suffix == ".svg":
            text = path.read_text(encoding="utf-8")
            assert text.startswith("<svg") and "<title" in text and "<script" not in text, path.name


def test_every_picture_has_words_for_those_who_do_not_see_it(texts):
    for name, text in texts.items():
        assert not re.findall(r"!\[\]\(", without_code(text)), name
        assert len(re.findall(r"<img ", text)) == len(re.findall(r'<img [^>]*alt="', text)), name


def test_the_readme_is_short_and_says_what_it_must():
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert len(text.encode()) <= 8000
    for sentence in ("Research use only, not a medical device", "make demo", "make test", "Apache", "simulated"):
        assert sentence in text
    for library in ("libegl1", "libgl1", "libxkbcommon0"):
        assert library in text and library in (REPOSITORY / ".ci" / "libraries").read_text(encoding="utf-8")


def test_every_command_in_the_documents_is_one_that_exists(texts):
    wrong = []
    for name, text in texts.items():
        for block in blocks(name, text):
            if block.language in SHELL:
                wrong += [f"{block.place}: {line}: {problem(line)}" for line in commands(block) if problem(line)]
    assert not wrong


def test_most_blocks_are_run_and_the_others_say_why_not(texts):
    found = [one for name, text in texts.items() if name.startswith(WRITTEN) for one in blocks(name, text)]
    found = [one for one in found if one.language in SHELL | PYTHON]
    assert all(len(one.reason) > 3 for one in found if one.reason)
    assert sum(not one.reason for one in found) >= 10


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("spine segment --t1 a.nrrd -o b.nrrd", ""),
        ("one=x spine segment --t1 ${one}.nrrd -o b.nrrd", ""),
        ("spine segment --help", ""),
        ("spine bench model --into docs/benchmarks.md#model --tpu", "--tpu"),
        ("spine models list   # don't ask", ""),
        ("spine segment --t3 a.nrrd -o b.nrrd", "--t3"),
        ("spine segment --device tpu --t1 a -o b", "tpu"),
        ("spine phantom --cases many -o x", "many"),
        ("spine sgement", "sgement"),
        ("spine evaluate healty", "healty"),
        ("make tset", "tset"),
        ("make test TESTS=Testing/house", ""),
        (".venv/bin/python -m Testing.mesh.print_labels x", ""),
        ("python -m Testing.mesh.nothing", "nothing"),
        ("python Testing/nothing.py", "nothing"),
        ("spien segment", "spien"),
    ],
)
def test_a_command_is_judged_rightly(line, said):
    assert said in problem(line) and bool(problem(line)) == bool(said)


def test_blocks_are_read_with_their_place_and_the_reason_why_they_are_not_run():
    text = "# A\n\n```shell\na \\\n  b\n# c\n```\n\n<!-- docs-check: hours -->\n```shell\nd\n```\n\n```text\ne\n```\n"
    first, second, third = blocks("x.md", text)
    assert first == Block("x.md", 4, "shell", "a \\\n  b\n# c\n", "") and commands(first) == ["a    b"]
    assert (second.place, second.reason, third.language) == ("x.md:11", "hours", "text")


TUTORIALS = {"segment": "SpineMetSeg", "followup": "SpineNecrosis", "repair": "SpineInpaint"}
#: Words in italics that are Slicer's own, names of samples, or stress.
SLICERS = {"Sample Data", "Modules", "Edit", "Application Settings", "Additional module paths", "Spine Oncology"}


@pytest.mark.parametrize("name", TUTORIALS)
def test_what_a_tutorial_says_to_press_is_on_the_panel(name, texts):
    """Labels stand in italics; a picture's caption is a line in italics."""
    module = TUTORIALS[name]
    sources = [
        *(REPOSITORY / module).rglob("*.ui"),
        *(REPOSITORY / module).rglob("*.py"),
        *(REPOSITORY / "SpinePanel").glob("*.py"),
    ]
    panel = " ".join(path.read_text(encoding="utf-8") for path in sources).replace("&amp;", "&")
    text = re.sub(r"^\*.*\*$", "", without_code(texts[f"docs/tutorials/{name}.md"]), flags=re.M)
    labels = {part.strip() for label in re.findall(r"(?<!\*)\*([^*\n]+)\*(?!\*)", text) for part in label.split(">")}
    assert labels and not [label for label in labels - SLICERS if label not in panel]


def test_the_house_as_it_is_explained_has_the_floors_that_are_held(texts):
    told: dict[int, set[str]] = {}
    for floor, rooms in re.findall(r"^\| (\d) \| (`[^|]+`) \|", texts["docs/explanation/house.md"], re.M):
        told.setdefault(int(floor), set()).update(re.findall(r"`(\w+)`", rooms))
    assert [told[floor] for floor in sorted(told)] == list(FLOORS)
    drawn = (REPOSITORY / "docs" / "drawings" / "house.svg").read_text(encoding="utf-8")
    assert all(room in drawn for rooms in FLOORS[1:] for room in rooms)  # of the ground it names some


def test_the_list_of_models_names_each_one_with_what_its_card_says(texts):
    from safetensors import safe_open

    rows = re.findall(
        r"^\| \[`([\w-]+)`\]\(([^)]+)\) \| (.+?) \| (.+?) \| ([\d.]+) M \|", texts["docs/models.md"], re.M
    )
    shipped = {path.parent.name: path for path in (REPOSITORY / "Resources" / "Models").glob("*/model.json")}
    assert sorted(row[0] for row in rows) == sorted(shipped)
    for name, card, inputs, _network, millions in rows:
        assert card.endswith(f"Resources/Models/{name}/card.md")
        told = json.loads(shipped[name].read_text(encoding="utf-8"))["inputs"]
        assert all(one.replace("mask", "masks") in inputs for one in told), name
        with safe_open(shipped[name].with_name("weights.safetensors"), "np") as file:
            count = sum(math.prod(file.get_slice(key).get_shape()) for key in file.keys())  # noqa: SIM118
        assert float(millions) == pytest.approx(count / 1e6, abs=0.05), name


def test_figures_in_a_document_have_names_of_their_own_and_the_commands_write_to_them(texts):
    for name, text in texts.items():
        places = re.findall(r"<!-- figures: (.+?) -->", text)
        assert len(set(places)) == len(places) == text.count("<!-- end of figures -->"), name
        written = {one.strip('"').partition("#") for one in re.findall(r'--into ("[^"]+"|\S+)', without_remarks(text))}
        assert {document for document, _, _ in written} <= {name}
        assert {place for _, _, place in written} <= set(places), name


def without_remarks(text: str) -> str:
    """Only the shell blocks."""
    return "\n".join(block.text for block in blocks("", text) if block.language in SHELL)


def test_the_list_of_changes_has_the_version_of_the_package(texts):
    version = re.search(r'^__version__ = "(.+)"', (REPOSITORY / "SpineLib" / "__init__.py").read_text("utf-8"), re.M)
    assert f"## {version.group(1)}" in texts["CHANGELOG.md"]


def test_the_package_tells_people_with_the_readme():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["readme"] == "README.md"
    assert reading.REPOSITORY == REPOSITORY
