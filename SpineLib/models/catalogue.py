"""The bundles on this machine: those that come with the project (read-only) and the user's own."""

from __future__ import annotations

import shutil
import stat
import zipfile
from contextlib import suppress
from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.models.bundle import ModelBundle, load_bundle
from SpineLib.models.card import CARD_FILE, LIKENESS_FILE, TEXT_FILE, WEIGHTS_FILE, ModelCard, is_id, read_card
from SpineLib.temporary import staged
from SpineLib.user_data import user_data
from SpineLib.volume.files import whole_files

#: A bundle larger than this is refused at import.
LARGEST_BYTES = 1_000_000_000
_FILES = (CARD_FILE, WEIGHTS_FILE, TEXT_FILE, LIKENESS_FILE)


def bundled_folders() -> list[Path]:
    """Where the project's own bundles lie: beside SpineLib in the extension, inside it in a wheel."""
    package = Path(__file__).resolve().parents[1]
    return [package.parent / "Resources" / "Models", package / "_resources" / "Models"]


def user_folder() -> Path:
    """Where imported bundles go: the environment's SPINE_MODELS, else the platform's place for a user's data.

    Raises:
        SpineError: the system knows no home folder of this user.
    """
    return user_data("Models", "SPINE_MODELS")


def list_bundles() -> list[tuple[Path, ModelCard]]:
    """Folder and card of every bundle with a valid card, each id once; weights are not checked.

    Those that learned from the user's own patients, and were accepted, come first, the latest of them before others;
    then the project's.
    """
    found: dict[str, tuple[Path, ModelCard]] = {}
    for folder in _folders():
        with suppress(SpineError):  # a broken bundle must not hide the sound ones
            card = read_card(folder)
            found.setdefault(card.id, (folder, card))
    return sorted(found.values(), key=lambda one: -one[1].local_number)


def list_broken() -> list[tuple[Path, str]]:
    """Folder of every bundle whose card cannot be used, and the sentence that says why."""
    found = []
    for folder in _folders():
        try:
            read_card(folder)
        except SpineError as error:
            found.append((folder, str(error)))
    return found


def _folders() -> list[Path]:
    """Every folder with a card, the project's first; without a home folder, the project's alone."""
    roots = bundled_folders()
    with suppress(SpineError):
        roots.append(user_folder())
    found = []
    for root in roots:
        with suppress(OSError):  # a folder that may not be read hides no other
            found += [path.parent for path in sorted(root.glob(f"*/{CARD_FILE}"))]
    return found


def find_bundle(id_or_path: str | Path) -> ModelBundle:
    """The checked bundle of that id, or in that folder.

    Raises:
        SpineError: there is none, or it is not sound.
    """
    for folder, card in list_bundles():
        if card.id == str(id_or_path):
            return load_bundle(folder)
    if (Path(id_or_path) / CARD_FILE).is_file():
        return load_bundle(id_or_path)
    known = ", ".join(card.id for _, card in list_bundles()) or "none"
    raise SpineError(f"There is no model '{id_or_path}'; installed: {known}.")


def import_bundle(source: str | Path) -> ModelBundle:
    """Copy a bundle, a folder or a zip file, into the user's folder after checking it; the same id is replaced.

    Raises:
        SpineError: it is no sound bundle, holds anything but its files, or has the id of one of the project's.
    """
    source, root = Path(source), user_folder()
    if not source.exists():
        raise SpineError(f"'{source}' does not exist; choose a model's folder or zip file.")
    try:
        root.mkdir(parents=True, exist_ok=True)
        with staged(root) as place:
            new = place / "bundle"
            new.mkdir()
            (_copy if source.is_dir() else _unpack)(source, new)
            card = load_bundle(new).card
            if any(card.id == other.id and folder.parent != root for folder, other in list_bundles()):
                raise SpineError(f"The model '{card.id}' comes with the project already; give yours another id.")
            target = root / card.id
            if target.exists():
                target.rename(place / "replaced")
            new.rename(target)
    except OSError as error:
        raise SpineError(
            f"The model cannot be imported: {error.strerror or error}; look at the disk's free space and permissions."
        ) from error
    return ModelBundle(target, card)


def is_imported(model_id: str) -> bool:
    """Whether the model of that id is one of the user's own, which may be removed."""
    return any(card.id == model_id and folder.parent == user_folder() for folder, card in list_bundles())


def export_bundle(model_id: str, target: Path, *, overwrite: bool = False) -> Path:
    """Write a checked bundle as a zip file that :func:`import_bundle` takes.

    Args:
        model_id: id or folder.
        target: ends in ".zip".
        overwrite: replace a file that exists.

    Raises:
        SpineError: there is no such model, or the file exists or cannot be written.
    """
    bundle = find_bundle(model_id)
    if target.suffix.lower() != ".zip":
        raise SpineError(f"A model is exported as a zip file, not as '{target.suffix}'; give a name that ends in .zip.")
    if target.exists() and not overwrite:
        raise SpineError(f"'{target.name}' exists already; choose another name, or replace it with --overwrite.")
    with whole_files(target) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        for name in _FILES:
            if (bundle.folder / name).is_file():
                archive.write(bundle.folder / name, f"{bundle.card.id}/{name}")
    return target


def remove_bundle(model_id: str) -> None:
    """Remove one of the user's bundles.

    Raises:
        SpineError: there is none of that id, or it comes with the project.
    """
    folders = [folder for folder, card in list_bundles() if card.id == model_id]
    target = user_folder() / model_id  # by its folder: a broken one has no id
    if folders and folders[0].parent != user_folder():
        raise SpineError(f"The model '{model_id}' comes with the project and is not removed.")
    if not is_id(model_id) or not (target / CARD_FILE).is_file():
        raise SpineError(f"There is no imported model '{model_id}'; 'spine models list' shows those there are.")
    try:
        shutil.rmtree(target)
    except OSError as error:
        raise SpineError(f"The model '{model_id}' cannot be removed: {error.strerror}.") from error


def _copy(source: Path, target: Path) -> None:
    for name in _FILES:
        path = source / name
        if path.is_symlink():
            raise SpineError(f"'{name}' of the model is a link; a model must hold its own files.")
        if path.is_file():
            if path.stat().st_size > LARGEST_BYTES:
                raise SpineError(f"'{name}' of the model is larger than {LARGEST_BYTES // 10**6} MB and is refused.")
            shutil.copyfile(path, target / name)


def _unpack(source: Path, target: Path) -> None:
    """Unpack the files of a bundle; all entries are checked before the first byte is written."""
    try:
        with zipfile.ZipFile(source) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            parents = {entry.filename.rpartition("/")[0] for entry in entries}
            for entry in entries:
                folder, _, name = entry.filename.rpartition("/")
                if (
                    name not in _FILES
                    or "\\" in entry.filename
                    or entry.filename.startswith("/")
                    or ".." in folder.split("/")
                    or ":" in folder
                    or "/" in folder
                ):
                    raise SpineError(
                        f"The model's zip file holds '{entry.filename[:80]}', which is no part of a "
                        "model; it was not unpacked."
                    )
                kind = stat.S_IFMT(entry.external_attr >> 16)
                if kind not in (0, stat.S_IFREG):
                    raise SpineError(f"'{name}' in the model's zip file is a link or a device; it was not unpacked.")
            if len(parents) > 1:
                raise SpineError("The model's zip file holds files of several folders; it was not unpacked.")
            if len({entry.filename for entry in entries}) != len(entries):
                raise SpineError("The model's zip file holds a file twice; it was not unpacked.")
            if sum(entry.file_size for entry in entries) > LARGEST_BYTES:
                raise SpineError(
                    f"The model's zip file unpacks to more than {LARGEST_BYTES // 10**6} MB; it was not unpacked."
                )
            for entry in entries:
                with archive.open(entry) as stream, open(target / entry.filename.rpartition("/")[2], "wb") as file:
                    _copy_at_most(stream, file, entry.file_size)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise SpineError(
            "The file is not a readable zip file of a model; choose a model's folder or zip file."
        ) from error


def _copy_at_most(stream, file, size: int) -> None:
    """Copy ``size`` bytes; a zip whose directory lies about the size is refused."""
    left = size
    while chunk := stream.read(min(1 << 20, left + 1)):
        left -= len(chunk)
        if left < 0:
            raise SpineError("The model's zip file does not have the sizes it promises; it was not unpacked.")
        file.write(chunk)


#: Tasks of models that find vertebrae on CT, the first one's models being taken unless the user names another; those of
#: the second draw the outlines of what the first finds (docs/explanation/vertebrae.md).
VERTEBRA_TASKS = ("column-segmentation", "vertebra-segmentation")


def vertebra_models() -> list[tuple[Path, ModelCard]]:
    """Folder and card of the installed models that find vertebrae on CT; the first is used unless the user names one.

    Of those that look at slices the V-Net, the paper's choice, comes first.
    """
    found = [one for one in list_bundles() if one[1].task in VERTEBRA_TASKS and "CT" in one[1].inputs]

    def rank(one: tuple[Path, ModelCard]):
        return VERTEBRA_TASKS.index(one[1].task), one[1].network["type"] != "vnet", one[1].id

    return sorted(found, key=rank)
