import re


def calculate(text):
    tokens = re.findall(r"\d+|[-+*()]", text)
    value, rest = expression(tokens)
    return value


def expression(tokens):
    left, rest = term(tokens)
    if rest and rest[0] in "+-":
        right, after = expression(rest[1:])
        return (left + right if rest[0] == "+" else left - right), after
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
        value, rest = expression(rest)
        return -value, rest
    if first == "(":
        value, rest = expression(rest)
        return value, rest[1:]
    if first.isdigit():
        return int(first), rest
    raise ValueError(f"unexpected {first}")
