"""Where vertebrae lie in patients whose lesions alone were drawn: as a network sees them, the one of the search."""

from __future__ import annotations

import numpy as np

from SpineLib.inference.predict import predict
from SpineLib.models import ModelBundle, find_bundle
from SpineLib.preprocess import Preparation, prepare
from SpineLib.tasks.detection.column import SPINE_MODEL
from SpineLib.volume import Volume


def spine_model() -> ModelBundle:
    """The model that sees vertebrae on MR of any sequence.

    Raises:
        SpineError: it is not installed.
    """
    return find_bundle(SPINE_MODEL)


def see_vertebrae(image: Volume, bundle: ModelBundle) -> Volume:
    """uint8 on the image's own grid, 1 in what the network takes for vertebra.

    Raises:
        SpineError: the image cannot be used.
    """
    card = bundle.card
    prepared = prepare({card.inputs[0]: image}, Preparation.from_dict(card.preparation))
    seen = predict(prepared.channels, bundle.network(), whiten_windows=False, threshold=card.threshold)
    inside = prepared.to_input(seen.probability).array >= card.threshold
    return image.with_array(inside.astype(np.uint8), "vertebrae")
