NAME = "first"


def run():
    return "ran"
