import unittest

from bank import Account


class AccountTest(unittest.TestCase):
    def setUp(self):
        self.account = Account(balance=100, overdraft=20)

    def test_start(self):
        self.assertEqual((self.account.balance, self.account.overdraft), (100, 20))
        empty = Account()
        self.assertEqual((empty.balance, empty.overdraft, empty.history), (0, 0, []))

    def test_negative_overdraft(self):
        self.assertRaises(ValueError, Account, 0, -1)

    def test_deposit(self):
        self.account.deposit(1)
        self.assertEqual(self.account.balance, 101)
        self.assertEqual(self.account.history, [("deposit", 1)])

    def test_bad_amounts(self):
        for amount in (0, -5):
            self.assertRaises(ValueError, self.account.deposit, amount)
            self.assertRaises(ValueError, self.account.withdraw, amount)
        self.assertEqual(self.account.history, [])

    def test_withdraw(self):
        self.assertTrue(self.account.withdraw(1))
        self.assertEqual(self.account.balance, 99)
        self.assertEqual(self.account.history, [("withdraw", 1)])

    def test_limit(self):
        self.assertFalse(self.account.withdraw(121))
        self.assertEqual(self.account.balance, 100)
        self.assertTrue(self.account.withdraw(120))
        self.assertEqual(self.account.balance, -20)

    def test_transfer(self):
        other = Account(5)
        self.assertTrue(self.account.transfer(other, 30))
        self.assertEqual((self.account.balance, other.balance), (70, 35))
        self.assertFalse(other.transfer(self.account, 36))
        self.assertEqual((self.account.balance, other.balance), (70, 35))

    def test_transfer_to_itself(self):
        self.assertFalse(self.account.transfer(self.account, 1))
        self.assertEqual(self.account.history, [])
