"""Import, find and remove; a zip file is checked before anything of it is unpacked."""

import json
import os
import stat
import zipfile

import pytest

from SpineLib.cli.main import main
from SpineLib.errors import SpineError
from SpineLib.models import (
    catalogue,
    find_bundle,
    import_bundle,
    list_broken,
    list_bundles,
    remove_bundle,
    user_folder,
)
from SpineLib.models.ranking import better_in_2d

FILES = ("model.json", "weights.safetensors", "card.md")


def _zip(bundle, path, prefix="", extra=()):
    with zipfile.ZipFile(path, "w") as archive:
        for name in FILES:
            archive.write(bundle.folder / name, prefix + name)
        for name, content in extra:
            archive.writestr(name, content)
    return path


def _ids():
    return [card.id for _, card in list_bundles()]


@pytest.mark.parametrize("prefix", ["", "tiny/"])
def test_a_zip_file_is_imported_found_and_removed(bundle, user_models, tmp_path, prefix):
    import_bundle(_zip(bundle, tmp_path / "a model.zip", prefix))
    assert "tiny" in _ids() and find_bundle("tiny").folder == user_models / "tiny"
    assert sorted(os.listdir(user_models)) == ["tiny"]
    remove_bundle("tiny")
    assert "tiny" not in _ids() and os.listdir(user_models) == []


def test_a_folder_is_imported_without_what_else_lies_in_it(bundle, user_models):
    (bundle.folder / "notes.txt").write_text("mine")
    import_bundle(bundle.folder)
    assert sorted(os.listdir(user_models / "tiny")) == sorted(FILES)


def test_the_command_tells_that_a_model_was_replaced(bundle, user_models, capsys):
    assert main(["models", "import", str(bundle.folder)]) == 0
    assert capsys.readouterr().out == "Imported the model 'tiny'.\n"
    assert main(["models", "import", str(bundle.folder)]) == 0
    assert capsys.readouterr().out == "Imported the model 'tiny', which replaced the one of that id.\n"


def test_importing_again_replaces_the_model(bundle, user_models, card):
    from SpineLib.models import save_bundle

    import_bundle(bundle.folder)
    save_bundle(bundle.folder, bundle.network(), card(title="Newer"))
    import_bundle(bundle.folder)
    assert find_bundle("tiny").card.title == "Newer" and os.listdir(user_models) == ["tiny"]


@pytest.mark.parametrize(
    "name",
    [
        "../evil.txt",
        "../model.json",
        "/tmp/model.json",
        "a/../../card.md",
        "evil.py",
        "tiny\\card.md",
        "C:/card.md",
        "a/b/card.md",
        "weights.pkl",
        "MODEL.JSON",
    ],
)
def test_a_zip_file_with_anything_but_a_models_files_is_refused_and_leaves_nothing(bundle, user_models, tmp_path, name):
    _zip(bundle, tmp_path / "evil.zip", extra=[(name, "evil")])
    with pytest.raises(SpineError, match="not unpacked") as told:
        import_bundle(tmp_path / "evil.zip")
    assert f"'{name}'" in str(told.value), "the guilty entry, not the first one"
    assert os.listdir(user_models) == [] and not (tmp_path / "evil.txt").exists()


def test_a_link_in_a_zip_file_is_refused(bundle, user_models, tmp_path):
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.write(bundle.folder / "model.json", "model.json")
        link = zipfile.ZipInfo("weights.safetensors")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(SpineError, match="link"):
        import_bundle(tmp_path / "link.zip")


def test_a_link_in_a_folder_is_refused(bundle, user_models, tmp_path):
    (bundle.folder / "weights.safetensors").rename(tmp_path / "elsewhere")
    (bundle.folder / "weights.safetensors").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SpineError, match="link"):
        import_bundle(bundle.folder)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_twice_in_a_zip_file_is_refused(bundle, user_models, tmp_path):
    _zip(bundle, tmp_path / "twice.zip", extra=[("card.md", "other")])
    with pytest.raises(SpineError, match="twice"):
        import_bundle(tmp_path / "twice.zip")


def test_a_zip_file_that_unpacks_to_too_much_is_refused(bundle, user_models, tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "LARGEST_BYTES", 1000)
    with pytest.raises(SpineError, match="unpacks to more"):
        import_bundle(_zip(bundle, tmp_path / "bomb.zip"))
    with pytest.raises(SpineError, match="larger than"):
        import_bundle(bundle.folder)


@pytest.mark.parametrize("content", [b"no zip at all", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_zip_is_refused(user_models, tmp_path, content):
    (tmp_path / "broken.zip").write_bytes(content)
    with pytest.raises(SpineError, match="not a readable zip"):
        import_bundle(tmp_path / "broken.zip")


def test_an_unsound_bundle_is_not_imported(bundle, user_models, tmp_path):
    (bundle.folder / "weights.safetensors").write_bytes(b"x")
    with pytest.raises(SpineError, match="SHA-256"):
        import_bundle(_zip(bundle, tmp_path / "unsound.zip"))
    assert os.listdir(user_models) == []


def test_a_file_that_is_not_there_is_refused(user_models, tmp_path):
    with pytest.raises(SpineError, match="does not exist"):
        import_bundle(tmp_path / "nothing.zip")


def test_the_projects_own_models_can_be_neither_removed_nor_replaced(bundle, user_models, monkeypatch):
    monkeypatch.setattr(catalogue, "bundled_folders", lambda: [bundle.folder.parent])
    assert find_bundle("tiny").folder == bundle.folder
    with pytest.raises(SpineError, match="comes with the project"):
        remove_bundle("tiny")
    with pytest.raises(SpineError, match="another id"):
        import_bundle(bundle.folder)
    assert (bundle.folder / "model.json").is_file()


@pytest.mark.parametrize("model_id", ["nothing", "../tiny", "", "."])
def test_removing_what_is_not_there_is_refused(bundle, user_models, model_id):
    with pytest.raises(SpineError, match="no imported model"):
        remove_bundle(model_id)
    assert bundle.folder.is_dir()


def test_a_broken_bundle_does_not_hide_the_others(bundle, user_models):
    import_bundle(bundle.folder)
    (user_models / "broken").mkdir()
    (user_models / "broken" / "model.json").write_text("{")
    assert "tiny" in _ids()


def test_finding_by_folder_works_and_an_unknown_id_lists_those_there_are(bundle, user_models):
    assert find_bundle(bundle.folder).card.id == "tiny"
    import_bundle(bundle.folder)
    with pytest.raises(SpineError, match="no model 'other'; installed: .*tiny"):
        find_bundle("other")


def test_the_users_folder_is_the_environments_else_the_platforms(monkeypatch, tmp_path):
    monkeypatch.delenv("SPINE_MODELS", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert user_folder() == tmp_path / "SpineOncology" / "Models"
    monkeypatch.setenv("SPINE_MODELS", str(tmp_path / "mine"))
    assert user_folder() == tmp_path / "mine"


def test_the_command_lists_shows_imports_and_removes(bundle, user_models, capsys):
    from SpineLib.cli.main import main

    assert main(["models", "import", str(bundle.folder)]) == 0
    assert main(["models", "list"]) == 0
    assert "tiny" in (out := capsys.readouterr().out) and "T1+T2" in out and "simulated" in out
    assert main(["models", "show", "tiny"]) == 0
    assert bundle.card.sha256 in (out := capsys.readouterr().out) and "# Tiny" in out
    assert main(["models", "remove", "tiny"]) == 0
    assert main(["models", "remove", "tiny"]) == 1
    assert "no imported model" in capsys.readouterr().err


@pytest.mark.parametrize("broken", [{"inputs": None}, {"patch": 5}, None])
def test_a_broken_model_is_listed_as_broken_and_disables_nothing_else(bundle, user_models, capsys, broken):
    import_bundle(bundle.folder)
    (user_models / "b").mkdir()
    values = json.loads((bundle.folder / "model.json").read_text())
    text = "[" * 200_000 if broken is None else json.dumps(values | broken)
    (user_models / "b" / "model.json").write_text(text)
    assert "tiny" in _ids() and find_bundle("tiny").card.id == "tiny"
    assert [folder.name for folder, why in list_broken() if why] == ["b"]
    assert main(["models", "list"]) == 0
    said = capsys.readouterr()
    assert "tiny" in said.out and "the model in 'b' is broken" in said.err
    assert main(["models", "remove", "b"]) == 0 and not (user_models / "b").exists()


def test_without_a_home_folder_the_shipped_models_are_found_and_importing_says_what_to_do(monkeypatch, bundle):
    for name in ("SPINE_MODELS", "XDG_DATA_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pathlib.Path.home", _no_home)
    assert "mets-t1t2-2d" in _ids()
    with pytest.raises(SpineError, match="SPINE_MODELS"):
        import_bundle(bundle.folder)
    with pytest.raises(SpineError, match="SPINE_MODELS"):
        remove_bundle("tiny")


def _no_home():
    raise RuntimeError("Could not determine home directory.")


def test_a_title_cannot_steer_the_terminal(bundle, user_models, card, capsys):
    from SpineLib.models import save_bundle

    save_bundle(bundle.folder, bundle.network(), card(title="\x1b[2JTiny\r", text="# \x1b]0;x\x07\n"))
    import_bundle(bundle.folder)
    assert main(["models", "list"]) == 0 and main(["models", "show", "tiny"]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said and "\r" not in said and r"\x1b[2JTiny" in said


def test_the_list_says_how_good_a_model_is_and_of_a_3d_one_that_a_2d_one_is_better(capsys):
    assert main(["models", "list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    measured = find_bundle("mets-t1t2-2d").card.figures["unseen_simulated"]["dice"][0]
    assert f"{100 * measured:.0f} %" in lines["mets-t1t2-2d"] and "better" not in lines["mets-t1t2-2d"]
    assert lines["mets-t1t2-3d"].endswith("; 'mets-t1t2-2d' is better")
    assert lines["necrosis-cet1t2-3d"].endswith("; 'necrosis-cet1t2-2d' is better")


def test_a_3d_model_stays_beside_2d_ones_that_are_worse_do_another_thing_or_were_never_measured(card):
    def measured(dice, dimensions, **more):
        size = {"type": "unet", "dimensions": dimensions, "inputs": 2, "widths": [4, 6, 8]}
        figures = {} if dice is None else {"simulated": {"dice_mean": dice}}
        return card(figures=figures, network=size, patch=(32,) * dimensions, **more)

    volume, slices = measured(0.7, 3), measured(0.8, 2)
    assert better_in_2d(volume, [volume, slices]) is slices
    assert better_in_2d(slices, [volume, slices]) is None
    assert better_in_2d(measured(None, 3), [slices]) is None
    for other in (measured(0.6, 2), measured(None, 2), measured(0.8, 2, task="necrosis-segmentation")):
        assert better_in_2d(volume, [volume, other]) is None


def test_a_model_that_learned_from_any_simulated_patient_says_so(repository):
    """Of what its card tells: "70 simulated and 3 real CTs" is no real training data."""
    import json

    for path in sorted((repository / "Resources" / "Models").glob("*/model.json")):
        data = json.loads(path.read_text(encoding="utf-8"))["training_data"]
        counted = data.get("simulated_cases", 0) + data.get("training_simulated_vertebrae", 0)
        told = "simulated" in data["description"].lower()
        assert data["simulated"] == (told or counted > 0), path.parent.name
