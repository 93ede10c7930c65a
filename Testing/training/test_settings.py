"""Configurations: the paper's preset holds the paper's values, and mistakes are named."""

import pytest

from SpineLab.training.column.config import ColumnConfig
from SpineLab.training.completion.config import CompletionConfig
from SpineLab.training.ct_lesions.config import CtLesionConfig
from SpineLab.training.ct_marks.config import MarkConfig
from SpineLab.training.detection.config import DetectorConfig
from SpineLab.training.gan.config import GanConfig
from SpineLab.training.segmentation.augmentation import AugmentationSettings
from SpineLab.training.segmentation.config import SegmentationConfig
from SpineLab.training.settings import PRESETS
from SpineLab.training.vertebrae.config import VertebraConfig
from SpineLib.errors import SpineError


@pytest.mark.parametrize(("preset", "patch", "batch"), [("paper-2d", (128, 128), 32), ("paper-3d", (64, 128, 128), 2)])
def test_the_papers_presets_hold_the_papers_values(preset, patch, batch):
    config = SegmentationConfig.read(preset)
    assert config.sampling.patch == patch and config.sampling.batch == batch
    assert config.sampling.background_fraction == 0 and config.augmentation == AugmentationSettings()
    optimisation = config.optimisation
    assert (optimisation.rate, optimisation.alpha, optimisation.beta) == (1e-3, 0.3, 0.7)
    assert (optimisation.cross_entropy, optimisation.average, optimisation.schedule) == (0, 0, "constant")
    assert config.preparation.slices == 64 and config.preparation.whitening == "patch" and config.threshold == 0.5
    assert config.preparation.in_plane_spacing is None and config.validation.folds == 8
    settings = config.augmentation
    assert (settings.scale, settings.blur, settings.gamma) == ((0.6, 1.4), (0, 0.5), (0.5, 2.0))
    assert (settings.rotation_transversal_degrees, settings.rotation_sagittal_degrees) == (30, 20)
    assert (settings.elastic, settings.translation_voxels, len(settings.mirror)) == (0.3, 20, 3)


#: Presets of other trainings than that of a segmentation of MR, by how their names begin or end.
OTHERS = (
    ("siamese-", DetectorConfig),
    ("gan", GanConfig),
    ("vnet-", VertebraConfig),
    ("unet-ct", VertebraConfig),
    ("unet-paper", VertebraConfig),
    ("column-", ColumnConfig),
    ("completion", CompletionConfig),
    ("lesions-ct", CtLesionConfig),
    ("faster-rcnn", CtLesionConfig),
    ("marks-ct", MarkConfig),
)


@pytest.mark.parametrize("path", sorted(PRESETS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_preset_is_read_and_comes_back_from_its_dictionary(path):
    kind = next((kind for part, kind in OTHERS if part in path.stem), SegmentationConfig)
    config = kind.read(path.stem)
    assert config.name == path.stem
    assert kind.from_dict(config.to_dict()) == config


def test_the_small_2d_preset_keeps_within_90_minutes():
    assert 0 < SegmentationConfig.read("small-2d").optimisation.minutes <= 90


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps = 3", "'steps' is no setting of the configuration"),
        ("[sampling]\nbatches = 3", r"'batches' is no setting of \[sampling\]"),
        ("[sampling]\nbatch = 'many'", "'batch' in .* must be of the kind of 32"),
        ("[sampling]\npatch = [100, 100]", "multiple of 16"),
        ("[sampling]\npatch = [64]", "patch has 1 sizes"),
        ("[optimisation]\nschedule = 'linear'", "schedule is 'linear'"),
        ("[optimisation]\nrate = 0", "rate"),
        ("[augmentation]\nmirror = ['up']", "known directions"),
        ("[validation]\nfolds = 8\nfold = 8", "fold is 8 of 8"),
        ("[optimisation]\nby_sample = 2", "from 0 to 1"),
        ("sampling = 3", "must be a table"),
        ("[", "not valid TOML"),
        ("[preparation]\nslices = 1", "preparation"),
    ],
)
def test_a_mistake_in_a_configuration_is_named(tmp_path, text, words):
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(SpineError, match=words):
        SegmentationConfig.read(tmp_path / "x.toml")


def test_an_unknown_configuration_lists_the_presets():
    with pytest.raises(SpineError, match="small-2d"):
        SegmentationConfig.read("nothing")


def test_changing_settings_keeps_the_others():
    config = SegmentationConfig().changed(inputs=("T1",), optimisation={"minutes": 5.0})
    assert config.inputs == ("T1",) and config.optimisation.minutes == 5 and config.optimisation.rate == 1e-3
