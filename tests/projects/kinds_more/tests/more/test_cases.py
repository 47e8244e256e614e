import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from cases import Loose, Strict  # noqa: F401


class TestLimit(Strict):
    def test_limit(self):
        self.assertEqual(self.limit, 3)


del Loose, Strict
