from __future__ import annotations

import subprocess
import sys

import torch

from napari_deepblur.identification.adam import Adam


def test_adam_takes_the_steps_that_torch_takes() -> None:
    start = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    ours, theirs = start.clone().requires_grad_(), start.clone().requires_grad_()
    descent, reference = Adam(ours), torch.optim.Adam([theirs], lr=0.02)
    for step in range(30):
        rate = 0.02 / (1 + step)
        reference.param_groups[0]["lr"] = rate
        (gradient,) = torch.autograd.grad((ours - 1).pow(4).sum() + ours.abs().sum(), ours)
        (theirs.grad,) = torch.autograd.grad((theirs - 1).pow(4).sum() + theirs.abs().sum(), theirs)
        descent.step(gradient, rate)
        reference.step()
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


def test_a_descent_does_not_load_the_compiler_of_torch() -> None:
    """Two seconds in front of every command and of the first preview."""
    code = (
        "import sys, torch\n"
        "from napari_deepblur.identification.posterior import Cloud, NetworkPrior, posterior_steps\n"
        "from napari_deepblur.identification.spectral_energy import WINDOW, Band, SpectralEnergy\n"
        "from napari_deepblur.io.scene_spectra import load_scene_spectra\n"
        "from napari_deepblur.optics import Pupil, psf_model\n"
        "band, none = Band(31), torch.zeros(1, 2)\n"
        "power = 1 + torch.rand(WINDOW, WINDOW // 2 + 1)\n"
        "energy = SpectralEnergy(power, 9, 0.5, band, load_scene_spectra())\n"
        "even = torch.tensor([True, False])\n"
        "prior = NetworkPrior(none, none + 0.02, Cloud(none, torch.ones(1)), even, none[0], 0.15)\n"
        "optics = psf_model(Pupil(0.25), (4, 7), 31, coarse=True)\n"
        "list(posterior_steps(prior, energy, band, optics, lambda psfs: 0 * psfs[:, 0, 0]))\n"
        "sys.exit('torch._dynamo' in sys.modules or 'sympy' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
