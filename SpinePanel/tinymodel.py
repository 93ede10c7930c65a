"""A model made by hand, for the modules' own tests: small enough to run in a moment. No Qt here."""


def brightSpots(folder, task, inputs, dimensions=2, identifier="bright-spots-2d"):
    """A model bundle whose tiny network marks what is much brighter than the rest in its last input.

    Args:
        folder: where to.
        task: "metastasis-segmentation" or "necrosis-segmentation".
        inputs: sequence names.

    Returns:
        The folder, as text.
    """
    import torch

    from SpineLib.models import ModelCard, save_bundle
    from SpineLib.networks.unet import UNet

    widths = (2, 2)
    network = UNet(dimensions, len(inputs), widths).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        middle = (1,) * dimensions
        for level, channel in ((network.down[0], len(inputs) - 1), (network.up[-1], widths[1])):
            layers = list(level.children())
            for layer, source in ((layers[0], channel), (layers[3], 0)):
                layer.get_parameter("weight")[(0, source, *middle)] = 1.0
            for normalisation in (layers[1], layers[4]):
                normalisation.get_parameter("weight").fill_(1.0)
        network.last.weight[(0, 0, *[0] * dimensions)] = 8.0
        network.last.get_parameter("bias").fill_(-16.0)  # two standard deviations above the mean
    card = ModelCard(
        id=identifier,
        title=f"Bright spots {dimensions}D (test)",
        task=task,
        licence="Apache-2.0",
        network={"type": "unet", "dimensions": dimensions, "inputs": len(inputs), "widths": list(widths)},
        inputs=inputs,
        preparation={},
        patch=(64,) * 2 if dimensions == 2 else (16, 64, 64),
        smallest_lesion_ml=0.1,
        training_data={"simulated": True, "description": "Made by hand for tests, not trained"},
    )
    save_bundle(folder, network, card)
    return str(folder)
