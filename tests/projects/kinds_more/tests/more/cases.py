import unittest


class Strict(unittest.TestCase):
    limit = 3


class Loose(unittest.TestCase):
    limit = 5
