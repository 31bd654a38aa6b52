import re


def calculate(text):
    if re.search(r"[^-+*()\d\s]", text):
        raise ValueError("unexpected character")
    tokens = re.findall(r"\d+|[-+*()]", text)
    value, rest = expression(tokens)
    if rest:
        raise ValueError(f"unexpected {rest[0]}")
    return value


def expression(tokens):
    left, rest = term(tokens)
    while rest and rest[0] in "+-":
        right, after = term(rest[1:])
        left = left + right if rest[0] == "+" else left - right
        rest = after
    return left, rest


def term(tokens):
    left, rest = factor(tokens)
    while rest and rest[0] == "*":
        right, rest = factor(rest[1:])
        left *= right
    return left, rest


def factor(tokens):
    if not tokens:
        raise ValueError("unexpected end")
    first, rest = tokens[0], tokens[1:]
    if first == "-":
        value, rest = factor(rest)
        return -value, rest
    if first == "(":
        value, rest = expression(rest)
        if not rest or rest[0] != ")":
            raise ValueError("a bracket is not closed")
        return value, rest[1:]
    if first.isdigit():
        return int(first), rest
    raise ValueError(f"unexpected {first}")
