from catalog.constants import *


def most():
    return MOST
