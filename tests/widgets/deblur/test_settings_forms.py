"""The forms of the Deblur dock hold every field of the settings: in a row, or carried along and named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from driving import child, choose
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QWidget

from napari_deepblur.pipeline import DeblurSettings
from napari_deepblur.pipeline.methods import (
    RichardsonLucyRestoration,
    RichardsonLucyVariationRestoration,
    TotalVariationRestoration,
)
from napari_deepblur.pipeline.options import option
from napari_deepblur.widgets.deblur.computation_form import restoration_form
from napari_deepblur.widgets.deblur.settings_forms import SettingsForms
from napari_deepblur.widgets.notice import Notice
from napari_deepblur.widgets.part_form import PartForm
from tests.pipeline.changed_settings import EVERY, OPTICS, changed


@pytest.fixture
def forms(qtbot: QtBot) -> Iterator[SettingsForms]:
    parent = QWidget()
    qtbot.addWidget(parent)
    yield SettingsForms(parent)


@pytest.mark.parametrize("name", EVERY)
def test_every_field_comes_back_from_the_forms(qtbot: QtBot, forms: SettingsForms, name: str) -> None:
    settings = changed(EVERY[name])
    forms.setValue(DeblurSettings(microscope=OPTICS))
    assert forms.value() != settings
    with qtbot.waitSignal(forms.valueChanged):
        forms.setValue(settings)
    assert forms.value() == settings


@pytest.mark.parametrize("name", ["tile", "rank", "field_shape", "psf_size"])
def test_what_has_no_row_is_named(forms: SettingsForms, name: str) -> None:
    forms.setValue(DeblurSettings(microscope=OPTICS))
    notice = child(forms.forms()[0].parentWidget(), Notice, "carried")
    assert not notice.text()
    forms.setValue(changed(EVERY[name]))
    assert notice.text().startswith("Also used: ")


def test_magicgui_makes_the_rows_of_a_part_from_its_fields(qtbot: QtBot) -> None:
    form = PartForm("noise")
    qtbot.addWidget(form)
    form.show()
    layout = form.layout()
    assert isinstance(layout, QFormLayout)
    alpha, offset = child(form, QDoubleSpinBox, "alpha"), child(form, QDoubleSpinBox, "offset")
    assert option("alpha").description in alpha.toolTip() and "units of intensity" in alpha.toolTip()
    assert alpha.minimum() == 0 and offset.minimum() < 0
    assert alpha.decimals() == 6
    mode = child(form, QComboBox, "noise_mode")
    assert [mode.itemText(row) for row in range(mode.count())] == ["estimate", "given"]
    assert mode.isVisible() and not alpha.isVisible()
    mode.setCurrentIndex(1)
    assert alpha.isVisible() and form.value().kind == "given"


def test_a_part_of_one_model_and_hidden_fields(qtbot: QtBot) -> None:
    form = PartForm("compute", hidden=("tile", "device"))
    qtbot.addWidget(form)
    assert "size" in form.shown() and not {"tile", "device"} & set(form.shown())
    size = child(form, QComboBox, "size")
    assert [size.itemText(row) for row in range(size.count())] == ["auto", "light", "paper"]


def test_iterations_and_strength_are_left_to_the_method_until_they_are_typed(qtbot: QtBot) -> None:
    form = restoration_form()
    qtbot.addWidget(form)
    form.show()
    iterations, strength = child(form, QDoubleSpinBox, "iterations"), child(form, QDoubleSpinBox, "strength")
    assert not iterations.isVisible() and not strength.isVisible()
    choose(form, "method", "richardson-lucy-tv")
    assert iterations.text() == strength.text() == "its own"
    assert form.value() == RichardsonLucyVariationRestoration()
    iterations.setValue(20)
    strength.setValue(0)
    assert form.value() == RichardsonLucyVariationRestoration(iterations=20, strength=0.0)
    # Without a prior there is no strength.
    choose(form, "method", "richardson-lucy")
    assert iterations.isVisible() and not strength.isVisible()
    assert form.value() == RichardsonLucyRestoration()
    # Those of one method are none of another.
    choose(form, "method", "total-variation")
    assert form.value() == TotalVariationRestoration()
