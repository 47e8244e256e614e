from unittest import mock

from catalog import shapes
from catalog.shapes import Box, Handler, Point, Round, Square, Tile, scaled


def test_tile():
    assert Tile().area() == 16


def test_sides():
    assert (Round.sides, Tile.sides) == (1, 4)


def test_box_has_nothing_else():
    assert not hasattr(Box(1), "missing")


def test_boxes_differ():
    assert Box(1) != Box(1)


def test_point():
    assert Point().x == 0


def test_handlers_known():
    assert Handler.known == ["Reader"]


def test_scaled():
    assert scaled(Square(), 2) == 32


def test_scaled_is_patched():
    with mock.patch.object(shapes, "scaled", autospec=True) as patched:
        shapes.scaled(Square(), factor=2)
    assert patched.call_count == 1
