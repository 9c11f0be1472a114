"""The form of method, networks and device."""

from __future__ import annotations

import pytest
from driving import child
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QComboBox, QToolButton

from napari_deepblur.pipeline.parts import Compute
from napari_deepblur.widgets.deblur import computation_form
from napari_deepblur.widgets.deblur.computation_form import computation_form as make_form

GPU = ("cuda:0", "Some GPU (7.5 GiB free)")
PROCESSOR = ("cpu", "processor (2 threads)")


@pytest.mark.parametrize("devices", [[PROCESSOR], [PROCESSOR, GPU]])
def test_automatic_says_what_it_will_be(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, devices: list[tuple[str, str]]
) -> None:
    monkeypatch.setattr(computation_form, "available_devices", lambda: devices)
    form = make_form()
    qtbot.addWidget(form)
    box = form.findChild(QComboBox, "device")
    assert box is not None
    titles = [box.itemText(row) for row in range(box.count())]
    expected = "automatic: Some GPU" if GPU in devices else "automatic: processor"
    assert titles == [expected, *(title for _, title in devices)]
    assert form.value() == Compute()
    form.setValue(Compute(device=devices[-1][0]))
    assert form.value().device == devices[-1][0]
    # One that is not here is kept, and refused with a reason when it is used.
    form.setValue(Compute(device="cuda:7"))
    assert form.value().device == "cuda:7"


def test_what_few_people_change_is_folded_away(qtbot: QtBot) -> None:
    form = make_form()
    qtbot.addWidget(form)
    form.show()
    device, fold = (child(form, kind, name) for kind, name in ((QComboBox, "device"), (QToolButton, "compute_fold")))
    assert not device.isVisible() and fold.isVisible()
    fold.click()
    assert device.isVisible()
    fold.click()
    assert not device.isVisible() and form.value().device == "auto"
