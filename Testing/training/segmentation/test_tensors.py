"""Operations on tensors give what MONAI's of the same kind give, to float32's rounding."""

import pytest
import torch

from SpineLab.training.segmentation.tensors import blurred, over_windows, sampled, with_gamma

monai = pytest.importorskip("monai", reason="MONAI is not installed (pip install SpineLib[test])")


@pytest.fixture
def image():
    return torch.randn((2, 9, 31, 24), generator=torch.Generator().manual_seed(5)) * 40 + 100


def test_samples_are_monais_also_beyond_the_border(image):
    from monai.transforms import Resample

    draws = torch.Generator().manual_seed(6)
    points = (torch.rand((3, 4, 17, 12), generator=draws) - 0.5) * torch.tensor([12.0, 40.0, 30.0])[:, None, None, None]
    resample = Resample(mode="bilinear", padding_mode="border", align_corners=False, dtype=torch.float32)
    torch.testing.assert_close(sampled(image, points), torch.as_tensor(resample(image, grid=points)))


@pytest.mark.parametrize("sigma", [0.01, 0.2, 0.5, 1.3])
def test_a_blur_is_monais_in_plane_and_in_space(image, sigma):
    from monai.transforms import GaussianSmooth

    for one in (image, image[:, 3]):
        torch.testing.assert_close(blurred(one, sigma), torch.as_tensor(GaussianSmooth(sigma=sigma)(one)))


def test_a_blur_of_sigma_0_changes_nothing(image):
    torch.testing.assert_close(blurred(image, 0.0), image)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("keep", [True, False])
def test_a_gamma_is_monais_with_and_without_the_patchs_statistics(image, gamma, keep):
    from monai.transforms import AdjustContrast

    expected = AdjustContrast(gamma=gamma, retain_stats=keep)(image)
    torch.testing.assert_close(with_gamma(image, gamma, keep), torch.as_tensor(expected))


@pytest.mark.parametrize("window", [(9, 16, 16), (4, 31, 12), (12, 16, 40), (9, 31, 24)])
def test_windows_are_monais_and_blended_as_there(image, window):
    from monai.inferers import sliding_window_inference

    def run(part):  # knows where in its window a voxel lies, as a network does
        return part[:, :1] * torch.linspace(0, 1, part.shape[-1])

    expected = sliding_window_inference(image[None], window, 1, run, overlap=0.25, mode="gaussian")
    torch.testing.assert_close(over_windows(run, image[None], window), expected)
