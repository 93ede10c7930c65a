"""Configurations: the paper's preset holds the paper's values, and mistakes are named."""

import pytest

from SpineLab.training.augmentation import AugmentationSettings
from SpineLab.training.completion.config import completion_config_from_dict, read_completion_config
from SpineLab.training.config import PRESETS, TrainingConfig, config_from_dict, read_config
from SpineLab.training.ctlesions.config import ct_lesion_config_from_dict, read_ct_lesion_config
from SpineLab.training.detection.config import detector_config_from_dict, read_detector_config
from SpineLab.training.gan.config import gan_config_from_dict, read_gan_config
from SpineLab.training.vertebrae.config import read_vertebra_config, vertebra_config_from_dict
from SpineLib.errors import SpineError


@pytest.mark.parametrize(("preset", "patch", "batch"), [("paper-2d", (128, 128), 32), ("paper-3d", (64, 128, 128), 2)])
def test_the_papers_presets_hold_the_papers_values(preset, patch, batch):
    config = read_config(preset)
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
    ("siamese-", read_detector_config, detector_config_from_dict),
    ("gan", read_gan_config, gan_config_from_dict),
    ("vnet-", read_vertebra_config, vertebra_config_from_dict),
    ("unet-ct", read_vertebra_config, vertebra_config_from_dict),
    ("completion", read_completion_config, completion_config_from_dict),
    ("lesions-ct", read_ct_lesion_config, ct_lesion_config_from_dict),
    ("faster-rcnn", read_ct_lesion_config, ct_lesion_config_from_dict),
)


@pytest.mark.parametrize("path", sorted(PRESETS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_preset_is_read_and_comes_back_from_its_dictionary(path):
    found = (ways for part, *ways in OTHERS if part in path.stem)
    read, back = next(found, (read_config, config_from_dict))
    config = read(path.stem)
    assert config.name == path.stem
    assert back(config.to_dict()) == config


def test_the_small_2d_preset_keeps_within_90_minutes():
    assert 0 < read_config("small-2d").optimisation.minutes <= 90


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
        read_config(tmp_path / "x.toml")


def test_an_unknown_configuration_lists_the_presets():
    with pytest.raises(SpineError, match="small-2d"):
        read_config("nothing")


def test_changing_settings_keeps_the_others():
    config = TrainingConfig().changed(inputs=("T1",), optimisation={"minutes": 5.0})
    assert config.inputs == ("T1",) and config.optimisation.minutes == 5 and config.optimisation.rate == 1e-3
