"""What tests of several commands begin with."""

import pytest

from SpineLib.volume import write_volume
from Testing.tasks.tiny import patient, save_tiny


@pytest.fixture
def case(tmp_path, monkeypatch):
    """A patient's files, and tiny models as the only ones the user has imported."""
    models = tmp_path / "models"
    save_tiny(models)
    save_tiny(models, 3)
    save_tiny(models, inputs=("T1",))
    monkeypatch.setenv("SPINE_MODELS", str(models))
    for name, volume in patient().items():
        write_volume(volume, tmp_path / f"{name}.nii.gz")
    return tmp_path
