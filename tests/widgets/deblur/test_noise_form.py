"""The form of the noise: estimated, or given."""

from __future__ import annotations

import pytest
from driving import child, write
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox

from napari_deepblur.pipeline.parts import EstimatedNoise, GivenNoise
from napari_deepblur.widgets.deblur import noise_form as module
from napari_deepblur.widgets.part_form import PartForm


@pytest.fixture
def noise_form(qtbot: QtBot) -> PartForm:
    form = module.noise_form()
    qtbot.addWidget(form)
    form.show()
    return form


def test_the_noise_is_estimated_unless_it_is_given(qtbot: QtBot, noise_form: PartForm) -> None:
    alpha, beta, offset = (child(noise_form, QDoubleSpinBox, name) for name in ("alpha", "beta", "offset"))
    assert noise_form.value() == EstimatedNoise()
    assert not alpha.isVisible()
    with qtbot.waitSignal(noise_form.valueChanged):
        child(noise_form, QComboBox, "noise_mode").setCurrentIndex(1)
    assert alpha.isVisible()
    write(qtbot, alpha, "0.002")
    write(qtbot, beta, "12.5")
    write(qtbot, offset, "-3")
    assert noise_form.value() == GivenNoise(alpha=0.002, beta=12.5, offset=-3)
    noise_form.setValue(EstimatedNoise())
    assert noise_form.value() == EstimatedNoise()
    noise_form.setValue(GivenNoise(alpha=0.5))
    assert noise_form.value() == GivenNoise(alpha=0.5, beta=0, offset=0)
