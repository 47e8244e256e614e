from bases import Contract


class TestOne(Contract):
    pass


class TestTwo(Contract):
    pass
