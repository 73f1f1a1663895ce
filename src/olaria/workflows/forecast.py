"""How much time and memory a training will take, told before it begins."""

from __future__ import annotations

from olaria.vocabulary import DEVICE
from olaria.workflows.requests import Document
from olaria.workflows.train import TrainRequest


def forecast(request: TrainRequest, *, offline: bool = False) -> Document:
    """What a request to train a preset would take; nothing is trained or written.

    Args:
        request: of a new run.
        offline: open no connection.

    Returns:
        ``memory_bytes``, ``train_s`` or ``steps``, ``epochs``, each null where it is not known, ``num_parameters``,
        ``precision`` and ``device``.

    Raises:
        OlariaError: what would end the training before its first step.
    """
    from olaria.workflows.running import foretell

    device = request.device or DEVICE
    began = foretell(request.recipe(), offline=offline, epochs=request.epochs, device=device)
    return Document(
        format=1,
        **vars(began.forecast),
        num_parameters=began.num_parameters,
        precision=began.precision,
        device=began.device,
    )
