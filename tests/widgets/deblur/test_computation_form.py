"""The form of method, networks and device."""

from __future__ import annotations

import pytest
from driving import child
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QComboBox, QToolButton

from napari_deepblur.pipeline.parts import Compute
from napari_deepblur.widgets.deblur.computation_form import computation_form, show_devices

GPU = ("cuda:0", "Some GPU (7.5 GiB free)")
PROCESSOR = ("cpu", "processor (2 threads)")


@pytest.mark.parametrize("devices", [[PROCESSOR], [PROCESSOR, GPU]])
def test_automatic_says_what_it_will_be(qtbot: QtBot, devices: list[tuple[str, str]]) -> None:
    form = computation_form()
    qtbot.addWidget(form)
    box = child(form, QComboBox, "device")
    # Until torch is asked, which takes a while.
    assert [box.itemText(row) for row in range(box.count())] == ["automatic", "processor"]
    show_devices(form, devices)
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
    form = computation_form()
    qtbot.addWidget(form)
    form.show()
    device, fold = (child(form, kind, name) for kind, name in ((QComboBox, "device"), (QToolButton, "compute_fold")))
    assert not device.isVisible() and fold.isVisible()
    fold.click()
    assert device.isVisible()
    fold.click()
    assert not device.isVisible() and form.value().device == "auto"


def test_a_device_that_was_chosen_before_devices_are_known_stays(qtbot: QtBot) -> None:
    form = computation_form()
    qtbot.addWidget(form)
    changes: list[None] = []
    form.setValue(Compute(device="cuda:7"))
    form.valueChanged.connect(lambda: changes.append(None))
    show_devices(form, [PROCESSOR, GPU])
    assert form.value().device == "cuda:7" and changes == []
