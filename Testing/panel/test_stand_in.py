"""The stand-in behaves as the real application was seen to behave, and has nothing that the application lacks."""

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6 import QtCore

from Testing.pythonqt import api, objects

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def qt(desktop):
    import qt

    return qt


def test_a_property_is_an_attribute_and_no_method(qt):
    button = qt.QPushButton("Apply")
    assert button.text == "Apply"
    button.text = "Run"
    assert button.text == "Run"
    with pytest.raises(TypeError, match="not callable"):
        button.text()


def test_methods_stay_methods(qt):
    table = qt.QTableWidget()
    table.setColumnCount(1)
    table.setRowCount(1)
    table.setItem(0, 0, qt.QTableWidgetItem("a"))
    assert table.item(0, 0).text() == "a" and table.rowCount == 1 and table.currentRow() == -1


def test_an_unknown_attribute_raises_and_none_can_be_added(qt):
    button = qt.QPushButton()
    with pytest.raises(AttributeError):
        _ = button.txt
    with pytest.raises(AttributeError, match="creating new attributes on C\\+\\+ objects is not allowed"):
        button.state = 1


def test_a_signal_is_connected_in_both_ways_and_calls_slots_with_as_many_arguments_as_they_take(qt):
    button, heard = qt.QPushButton(), []
    button.connect("clicked(bool)", lambda: heard.append("none"))
    button.clicked.connect(lambda checked: heard.append(checked))
    button.click()
    assert heard == ["none", False]


def test_a_disconnected_slot_hears_nothing(qt):
    button, heard = qt.QPushButton(), []
    slot = heard.append
    button.connect("clicked(bool)", slot)
    button.disconnect("clicked(bool)", slot)
    button.click()
    assert not heard


@pytest.mark.parametrize("signal", ["clickd(bool)", "clicked(text)", "clicked"])
def test_a_signal_that_does_not_exist_is_told(qt, signal):
    with pytest.raises((AttributeError, ValueError)):
        qt.QPushButton().connect(signal, print)


def test_enums_sit_on_the_class_and_are_numbers(qt):
    assert isinstance(qt.Qt.AlignRight, int)
    label = qt.QLabel()
    label.alignment = qt.Qt.AlignRight | qt.Qt.AlignVCenter
    assert int(qt.QProcess.FailedToStart) == 0


def test_a_tooltip_reads_back_as_rich_text(qt):
    label = qt.QLabel()
    label.toolTip = "tip"
    assert label.toolTip == "<p>tip</p>"


def test_a_combo_box_keeps_python_objects(qt):
    combo = qt.QComboBox()
    combo.addItem("text", {"any": "python object"})
    assert combo.itemData(0) == {"any": "python object"} and combo.count == 1


def test_a_child_process_is_read_by_signals(qt, desktop):
    process, output, ends = qt.QProcess(), [], []
    process.connect("readyReadStandardOutput()", lambda: output.append(bytes(process.readAllStandardOutput().data())))
    process.connect("finished(int,QProcess::ExitStatus)", lambda code, status: ends.append((int(code), int(status))))
    process.start(sys.executable, ["-c", "print(input())"])
    process.write("hello\n")
    assert desktop.wait(lambda: ends, 20)
    assert b"".join(output).split() == [b"hello"] and ends == [(0, 0)]


def test_a_worker_that_cannot_be_started_is_reported(desktop):
    from SpinePanel.qprocess import QProcessTransport

    ends = []
    transport = QProcessTransport(print, lambda code, lines: ends.append((code, lines)), ["/nowhere/python", "x"])
    transport.start()
    assert desktop.wait(lambda: ends, 10)
    assert ends[0][0] == -1 and ends[0][1]


def test_an_error_in_a_slot_is_kept_for_the_test(qt, desktop, capfd):
    button = qt.QPushButton()
    button.connect("clicked(bool)", lambda: 1 / 0)
    button.click()
    assert isinstance(desktop.errors.pop(), ZeroDivisionError)


@pytest.mark.skipif(api.load() is None, reason="the application's list of names is not here; set SPINE_PYTHONQT_API")
@pytest.mark.parametrize("name", sorted(objects.CUSTOM))
def test_a_stand_in_widget_has_no_name_that_the_real_one_lacks(name):
    cls, module = objects.CUSTOM[name]
    real = api.members(f"{module}.{name}")
    own = [key for key in vars(cls) if not key.startswith("_") and key not in ("staticMetaObject", "SIGNATURES")]
    overridden = {"childEvent", "eventFilter", "hitButton", "minimumSizeHint", "paintEvent", "setVisible", "sizeHint"}
    unknown = [key for key in own if key not in overridden and not any(key in names for names in real.values())]
    assert not unknown
    for key in own:
        if isinstance(vars(cls)[key], QtCore.Property):
            assert key in real["properties"]
        if isinstance(vars(cls)[key], QtCore.Signal):
            assert key in real["signals"]


def test_the_desktop_leaves_no_trace():
    script = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from Testing import headless
slicer = headless.start()
import slicer.util
before = (set(vars(slicer)), set(vars(slicer.util)), slicer.app, set(vars(slicer.modules)))
from Testing.pythonqt import desktop
for _ in range(2):
    with desktop() as here:
        import qt
assert (set(vars(slicer)), set(vars(slicer.util)), slicer.app, set(vars(slicer.modules))) == before
assert "qt" not in sys.modules and "slicer.parameterNodeWrapper" not in sys.modules
print("clean")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=180)
    assert done.stdout.strip().endswith("clean"), done.stderr[-2000:]
