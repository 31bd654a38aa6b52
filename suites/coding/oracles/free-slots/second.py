import unittest

from agenda import free_slots


class FreeSlotsTest(unittest.TestCase):
    def check(self, busy, expected, start=100, end=200, **more):
        self.assertEqual(free_slots(busy, start, end, **more), expected)

    def test_empty(self):
        self.check([], [(100, 200)])
        self.check([], [(100, 101)], end=101)

    def test_between(self):
        self.check([(150, 160), (120, 130)], [(100, 120), (130, 150), (160, 200)])

    def test_touching(self):
        self.check([(120, 130), (130, 140)], [(100, 120), (140, 200)])

    def test_inside_another(self):
        self.check([(110, 190), (120, 130)], [(100, 110), (190, 200)])

    def test_outside(self):
        self.check([(0, 50), (250, 300), (0, 100), (200, 250)], [(100, 200)])

    def test_borders(self):
        self.check([(50, 101), (199, 250)], [(101, 199)])
        self.check([(50, 250)], [])

    def test_minimum(self):
        self.check([(120, 181)], [(100, 120)], minimum=20)
        self.check([(119, 180)], [(180, 200)], minimum=20)
        self.check([(101, 199)], [(100, 101), (199, 200)])

    def test_order_of_bounds(self):
        for start in (200, 201):
            with self.assertRaises(ValueError):
                free_slots([], start, 200)
