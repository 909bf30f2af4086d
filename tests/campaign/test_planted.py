"""A campaign that notices nothing would say that all is right: losses made on purpose are noticed."""
import os
import shutil
import unittest

import nodes
import rounds
import verdict
from faults import PLANTED

VERSIONS = ["redis-7.0", "redis-8.0", "valkey-8.1", "valkey-9.1"]


def first_installed():
    return next((name for name in VERSIONS if os.access(os.path.join(nodes.SERVERS, name, "server"), os.X_OK)), None)


@unittest.skipUnless(first_installed() and shutil.which(os.environ.get("SLOTKIT", "slotkit")),
                     "needs a server and the program")
class Planted(unittest.TestCase):
    def test_what_is_planted_is_found(self):
        for turn, fault in enumerate(PLANTED):
            with self.subTest(fault):
                row = rounds.Round(1, first_installed(), fault, "slotkit", turn).run()
                self.assertEqual(row["outcome"], verdict.WRONG, row)
                self.assertEqual(row["kinds"], {verdict.OTHER: 1}, row)


if __name__ == "__main__":
    unittest.main()
