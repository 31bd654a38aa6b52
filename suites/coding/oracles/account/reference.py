import pytest
from bank import Account


def test_a_new_account_is_empty():
    account = Account()
    assert account.balance == 0
    assert account.overdraft == 0
    assert account.history == []


def test_overdraft_is_never_negative():
    assert Account(overdraft=0).overdraft == 0
    with pytest.raises(ValueError):
        Account(overdraft=-1)


def test_deposit_adds_and_is_noted():
    account = Account(10)
    account.deposit(1)
    assert account.balance == 11
    assert account.history == [("deposit", 1)]


@pytest.mark.parametrize("amount", [0, -1])
def test_amounts_are_positive(amount):
    account = Account(10)
    with pytest.raises(ValueError):
        account.deposit(amount)
    with pytest.raises(ValueError):
        account.withdraw(amount)
    assert account.balance == 10
    assert account.history == []


def test_withdraw_takes_and_is_noted():
    account = Account(10)
    assert account.withdraw(1) is True
    assert account.balance == 9
    assert account.history == [("withdraw", 1)]


@pytest.mark.parametrize(("overdraft", "most"), [(0, 10), (5, 15)])
def test_withdraw_stops_at_the_limit(overdraft, most):
    account = Account(10, overdraft)
    assert account.withdraw(most + 1) is False
    assert account.balance == 10
    assert account.history == []
    assert account.withdraw(most) is True
    assert account.balance == -overdraft


def test_transfer_moves_money():
    mine, yours = Account(10), Account(2)
    assert mine.transfer(yours, 4) is True
    assert (mine.balance, yours.balance) == (6, 6)
    assert yours.history == [("deposit", 4)]


def test_transfer_without_money_moves_nothing():
    mine, yours = Account(3), Account(2)
    assert mine.transfer(yours, 4) is False
    assert (mine.balance, yours.balance) == (3, 2)


def test_transfer_to_itself_is_refused():
    account = Account(10)
    assert account.transfer(account, 4) is False
    assert account.balance == 10
    assert account.history == []
