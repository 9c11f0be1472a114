"""The form that chooses a family of blurs."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
from driving import child
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QComboBox, QFileDialog, QSpinBox

from napari_deepblur.io.families import save_family
from napari_deepblur.io.images import write_tiff
from napari_deepblur.operators import ProductConvolutionFamily, ZernikeFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline import DeblurSettings
from napari_deepblur.widgets.deblur import family_form
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.deblur.family_form import PAPER_MODES, FamilyChoice, FamilyForm
from napari_deepblur.widgets.notice import Notice

SAMPLED = Microscope(na=1.2, wavelength_um=0.52, pixel_size_um=0.065, n_immersion=1.33)


@pytest.fixture
def form(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Generator[FamilyForm]:
    monkeypatch.setattr(family_form, "_chosen_files", [])
    made = FamilyForm()
    qtbot.addWidget(made)
    made.show()
    yield made


@pytest.fixture
def family_file(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    psfs = rng.normal(size=(3, 9, 9)).astype(np.float32)
    maps = rng.normal(size=(2, 5, 5)).astype(np.float32)
    thetas = rng.normal(size=(4, 3, 2)).astype(np.float32)
    path = tmp_path / "scope.safetensors"
    save_family(ProductConvolutionFamily(psfs, maps, thetas, SAMPLED, field_shape=(60, 70)), path)
    return path


def test_the_default_is_that_of_the_settings(form: FamilyForm) -> None:
    settings = DeblurSettings(microscope=SAMPLED)
    assert DeblurSettings(microscope=SAMPLED, **form.value()._asdict()) == settings


def test_each_family_shows_its_own_rows(form: FamilyForm, family_file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "psf.tif"
    y, x = np.mgrid[-6:7, -6:7]
    write_tiff(picture, np.exp(-(y**2 + x**2) / 4).astype(np.float32), pixel_size_um=SAMPLED.pixel_size_um)
    expected = {
        "zernike": (True, False, False),
        "field-zernike": (True, True, True),
        str(family_file): (False, False, True),
        "demonstration": (False, False, True),
        str(picture): (False, False, False),
    }
    for name, (modes, degree, origin) in expected.items():
        form.setValue(FamilyChoice(family=name, degree=2, origin=(3, 4)))
        assert form.value() == FamilyChoice(family=name, degree=2, origin=(3, 4))
        assert child(form, QComboBox, "modes").isVisible() == modes
        assert child(form, QSpinBox, "degree").isVisible() == degree
        assert child(form, QSpinBox, "origin_row").isVisible() == origin


def test_the_form_says_what_a_file_holds_or_what_is_wrong_with_it(
    form: FamilyForm, family_file: Path, tmp_path: Path
) -> None:
    facts = child(form, Notice, "family_facts")
    form.setValue(FamilyChoice(family=str(family_file)))
    assert "3 eigen-PSFs, 2 maps of a field of 60 x 70" in facts.text()
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(b"no family")
    form.setValue(FamilyChoice(family=str(foreign)))
    assert facts.level() == "error"
    assert "foreign.safetensors" in facts.text()


def test_a_file_is_asked_for_and_remembered(
    qtbot: QtBot, form: FamilyForm, family_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    combo = child(form, QComboBox, "family")
    answers = iter([(str(family_file), ""), ("", "")])
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: next(answers))
    with qtbot.waitSignal(form.valueChanged):
        combo.setCurrentIndex(combo.findText("From file…"))
    assert form.value().family == str(family_file)
    assert combo.currentText() == "scope"
    # A dialog that is closed changes nothing.
    combo.setCurrentIndex(combo.findText("From file…"))
    assert form.value().family == str(family_file)
    assert combo.currentText() == "scope"
    other = FamilyForm()
    qtbot.addWidget(other)
    assert child(other, QComboBox, "family").findText("scope") >= 0
    assert other.value().family == "zernike"


def test_the_dock_takes_the_family_and_gives_it_back(dock: DeblurDock, family_file: Path) -> None:
    # A calibrated family brings its optics: none of them is assumed any more.
    settings = dock.value().replace(microscope=SAMPLED, assumed=(), family=str(family_file), origin=(5, 6))
    dock.setValue(settings)
    assert dock.value() == settings
    family = dock.value().operator_family((20, 20))
    assert isinstance(family, ProductConvolutionFamily)


def test_the_family_offers_the_default_and_the_papers_modes(qtbot: QtBot, form: FamilyForm) -> None:
    family = ZernikeFamily(SAMPLED)
    assert form.value() == FamilyChoice(family.modes, family.max_amplitude)
    modes = child(form, QComboBox, "modes")
    assert [modes.itemText(row) for row in range(modes.count())] == ["Noll 4-11", "Noll 4-10 (paper)"]
    assert "spherical" in modes.toolTip()
    with qtbot.waitSignal(form.valueChanged):
        modes.setCurrentIndex(1)
    assert form.value().modes == PAPER_MODES == tuple(range(4, 11))
    assert "spherical" not in modes.toolTip()


def test_any_set_of_modes_can_be_shown(form: FamilyForm) -> None:
    for choice in (FamilyChoice((4, 7), 0.05), FamilyChoice(), FamilyChoice((4, 7), 0.3)):
        form.setValue(choice)
        assert form.value() == choice
    assert child(form, QComboBox, "modes").count() == 3
