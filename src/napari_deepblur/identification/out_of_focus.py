"""Light out of focus: where there is much, what the network says stands beside its product with the spectrum.

The energy of the spectrum takes the scene for flat. Light of planes out of focus is blurred more, as by another PSF,
and the maxima of the product are then surer than they may be. The network was trained on specimens with depth; it tells
how much light is out of focus, and its own answers lose nothing there. So the posterior is a mixture,

    p(theta) = (1 - w) product(theta) + w network(theta),    w = 1/2 for much light out of focus, 0 for little.
"""

from __future__ import annotations

import torch

from napari_deepblur.identification.posterior import Belief, Cloud

_LITTLE, _MUCH = 0.25, 0.45
"""Shares of light out of focus up to which w is 0, and from which it is largest."""

_LARGEST_WEIGHT = 0.5


def with_depth(belief: Belief, network: Cloud, out_of_focus: float) -> Belief:
    """Mix the network's cloud into what was believed.

    Parameters
    ----------
    belief
        Of the product of network and spectrum.
    network
        The network's own cloud, of any number of members.
    out_of_focus
        Share of the light that comes from planes out of focus, 0 to 1, as the network tells it.

    Returns
    -------
    Belief
        Its members are those of both clouds; where there is little such light, `belief` itself.
    """
    share = _LARGEST_WEIGHT * min(max((out_of_focus - _LITTLE) / (_MUCH - _LITTLE), 0.0), 1.0)
    if share == 0:
        return belief
    cloud = belief.cloud
    return belief._replace(
        cloud=Cloud(
            torch.cat((cloud.theta, network.theta)),
            torch.cat(((1 - share) * cloud.weights, share * network.weights)),
        ),
        wide=torch.cat((belief.wide, network.theta)),
    )
