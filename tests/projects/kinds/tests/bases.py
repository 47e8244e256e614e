class Contract:
    value = 1

    def test_value(self):
        assert self.value == 1
