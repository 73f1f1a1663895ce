"""The network whose features our Fréchet and kernel distances are measured in.

A small residual classifier of 28×28 grey images. It is trained with batch normalisation and shipped
with the normalisation folded into the convolutions, so that the shipped network is a plain function
of one image: no batch statistics, no running averages, nothing that evaluation could disturb.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (24, 48, 80)
GRID = 3
NUM_FEATURES = 96


class FeatureNetwork(nn.Module):
    """Images to features and class logits.

    Five 3×3 convolutions (28×28, twice 14×14, twice 7×7; the second of each pair is residual), an
    average over a 3×3 grid, which keeps a rough idea of where things are, and one linear layer to
    the features. The features are taken *before* any rectification: closer to a Gaussian than
    rectified ones, which is what the Fréchet distance assumes.

    Args:
        num_classes: number of classes of the logits.
        normalised: with batch normalisation (for training) or with it folded in (as shipped).
    """

    def __init__(self, num_classes: int = 10, *, normalised: bool = False) -> None:
        super().__init__()
        first, second, third = WIDTHS
        shapes = [(1, first, 1), (first, second, 2), (second, second, 1)]
        shapes += [(second, third, 2), (third, third, 1)]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(c_in, c_out, 3, stride, 1, bias=not normalised)
            for c_in, c_out, stride in shapes
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(c_out) if normalised else nn.Identity() for _, c_out, _ in shapes
        )
        self.to_features = nn.Linear(third * GRID * GRID, NUM_FEATURES)
        self.to_logits = nn.Linear(NUM_FEATURES, num_classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, 96) and logits (B, num_classes) of images ``x`` (B, 1, 28, 28) in [0, 1]."""
        h = x - 0.5
        for index, (convolution, norm) in enumerate(
            zip(self.convolutions, self.norms, strict=True)
        ):
            out = norm(convolution(h))
            h = F.relu(out + h) if index in (2, 4) else F.relu(out)
        h = F.adaptive_avg_pool2d(h, GRID).flatten(1)
        features = self.to_features(h)
        return features, self.to_logits(F.relu(features))


def folded(network: FeatureNetwork) -> FeatureNetwork:
    """The same function in evaluation mode, each normalisation folded into its convolution.

    ``γ (w∗x − μ) / √(σ² + ε) + β`` is a convolution with weights ``γ w / √(σ² + ε)`` and bias
    ``β − γ μ / √(σ² + ε)``.
    """
    plain = FeatureNetwork(network.to_logits.out_features)
    with torch.no_grad():
        for source, norm, target in zip(
            network.convolutions, network.norms, plain.convolutions, strict=True
        ):
            assert isinstance(source, nn.Conv2d)
            assert isinstance(target, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            assert target.bias is not None
            assert norm.running_mean is not None
            assert norm.running_var is not None
            scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            target.weight.copy_(source.weight * scale[:, None, None, None])
            target.bias.copy_(norm.bias - norm.running_mean * scale)
        plain.to_features.load_state_dict(network.to_features.state_dict())
        plain.to_logits.load_state_dict(network.to_logits.state_dict())
    return plain.eval()


@torch.no_grad()
def rescaled(network: FeatureNetwork, x: Tensor) -> FeatureNetwork:
    """The same classifier with features of about unit variance on images ``x``, changed in place.

    Otherwise a cubic kernel of them would be dominated by whatever size training happened to give
    them. The factor is a power of two, so that no weight is rounded by it, and is taken back before
    the logits.
    """
    deviation = network(x)[0].var(0).mean().sqrt().item()
    factor = 2.0 ** -round(math.log2(deviation))
    network.to_features.weight.mul_(factor)
    network.to_features.bias.mul_(factor)
    network.to_logits.weight.div_(factor)
    return network
