import unittest

from tickets import ticket_price


class TicketPriceTest(unittest.TestCase):
    def test_small_children_are_free(self):
        self.assertEqual(ticket_price(0), 0)
        self.assertEqual(ticket_price(5), 0)
        self.assertEqual(ticket_price(5, weekend=True), 0)

    def test_reduced(self):
        for age in (6, 17, 65, 80):
            with self.subTest(age=age):
                self.assertEqual(ticket_price(age), 7)
                self.assertEqual(ticket_price(age, True), 9)

    def test_full(self):
        for age in (18, 64):
            self.assertEqual(ticket_price(age), 12)
            self.assertEqual(ticket_price(age, weekend=True), 14)

    def test_negative(self):
        with self.assertRaises(ValueError):
            ticket_price(-1)


if __name__ == "__main__":
    unittest.main()
