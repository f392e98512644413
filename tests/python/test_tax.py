"""The Grand Exchange's tax."""

from __future__ import annotations

import unittest

from ppo_bridge._tax import EXEMPT, is_exempt, price_after_tax


class Tax(unittest.TestCase):
    def test_what_a_seller_gets(self) -> None:
        for item, price, gets in (
            ("Abyssal whip", 1_550_000, 1_519_000),
            ("Coal", 49, 49),
            ("Coal", 50, 49),
            ("Coal", 199, 196),
            ("Coal", 199.5, 196.5),
            ("Twisted bow", 2_147_483_647, 2_142_483_647),
            ("Old school bond", 10_000_000, 10_000_000),
            ("HAMMER ", 5000, 5000),
            (2347, 5000, 5000),
            ("2347", 5000, 5000),
            (4151, 5000, 4900),
            (None, 5000, 4900),
            ([], 5000, 4900),
            ("9" * 5000, 5000, 4900),
            ("Coal", 0, 0),
            ("Coal", -5, -5),
            ("Coal", "much", None),
            ("Coal", None, None),
            ("Coal", float("nan"), None),
            ("Coal", float("inf"), None),
        ):
            self.assertEqual(price_after_tax(item, price), gets, (item, price))

    def test_the_items_that_are_exempt(self) -> None:
        self.assertEqual(len(EXEMPT), 48)
        self.assertTrue(is_exempt("lobster"))
        self.assertFalse(is_exempt("Lobster pot"))
        self.assertFalse(is_exempt(True))


if __name__ == "__main__":
    unittest.main()
