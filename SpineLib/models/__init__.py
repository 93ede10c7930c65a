"""Model bundles (weights and their card) and the catalogue of those installed."""

from SpineLib.models.bundle import ModelBundle, load_bundle, save_bundle
from SpineLib.models.card import FORMAT, TASKS, ModelCard, read_card
from SpineLib.models.catalogue import (
    export_bundle,
    find_bundle,
    import_bundle,
    list_broken,
    list_bundles,
    remove_bundle,
    user_folder,
)

__all__ = [
    "FORMAT",
    "TASKS",
    "ModelBundle",
    "ModelCard",
    "export_bundle",
    "find_bundle",
    "import_bundle",
    "list_broken",
    "list_bundles",
    "load_bundle",
    "read_card",
    "remove_bundle",
    "save_bundle",
    "user_folder",
]
