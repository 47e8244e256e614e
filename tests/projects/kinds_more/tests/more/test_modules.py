import json
from importlib import metadata, resources

import catalog
from catalog import stars
from catalog.labels import label


def test_edition():
    assert catalog.EDITION == "first"


def test_most():
    assert stars.most() == 5


def test_label_of_module():
    assert label() == "label"


def test_old():
    from catalog.legacy import old

    assert old() == "old"


def test_late():
    from catalog import late

    assert late.WHEN == 1


def test_export():
    (point,) = metadata.entry_points(group="catalog.exports")
    assert point.load()() == "text"


def test_resource():
    assert json.loads(resources.files("catalog").joinpath("limits.json").read_text())["most"] == 7
