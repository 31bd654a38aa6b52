"""Queries: the rows that they return, what they may not do, and the words for what is wrong."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.model import AnswerSpec, QueryCheck, Scenario, Score
from pytest_llmeval.score import rubric
from pytest_llmeval.score.analysis import Analysis
from pytest_llmeval.score.sandbox import choice
from pytest_llmeval.score.sandbox.protocol import Broken, Raised, Returned
from pytest_llmeval.score.scorers import sql

SANDBOX = choice.usable()
needs_sandbox = pytest.mark.skipif(isinstance(SANDBOX, choice.Unusable), reason="no sandbox here")
TABLES = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, total REAL);
"""
PEOPLE = "INSERT INTO customers VALUES (1, 'Ann'), (2, 'Bob'), (3, 'Cho');"
CHECKS = (
    QueryCheck(insert=PEOPLE + "INSERT INTO orders VALUES (1, 1, 10.5), (2, 1, 4.5), (3, 2, 7);"),
    QueryCheck(insert=PEOPLE),
    QueryCheck(insert=PEOPLE + "INSERT INTO orders VALUES (1, NULL, 9), (2, 3, NULL), (3, 3, 1);"),
)
REFERENCE = """
SELECT c.name, COALESCE(SUM(o.total), 0) AS spent
FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id
GROUP BY c.id ORDER BY spent DESC, c.name
"""
INNER = """
SELECT name, SUM(total) FROM customers JOIN orders ON customer_id = customers.id
GROUP BY name ORDER BY 2 DESC, 1
"""


class Nobody:
    """No query is analysed."""

    def analyse(self, code: str) -> Analysis:
        raise AssertionError(code)


def scored(query: str, **changes: Any) -> tuple[Score, tuple[str, ...]]:
    parts: dict[str, Any] = {"given": TABLES, "reference": REFERENCE, "queries": CHECKS, **changes}
    scenario = Scenario(suite="s", id="x", prompt={"en": "?"}, answer=AnswerSpec(code="sql"), **parts)
    return rubric.score(scenario, "en", f"```sql\n{query}\n```\n", Nobody(), SANDBOX)


@needs_sandbox
@pytest.mark.parametrize(
    "query",
    [
        REFERENCE,
        f"-- the customers\n{REFERENCE.lower()}; -- done\n",
        (
            "SELECT name, IFNULL((SELECT SUM(total) FROM orders WHERE customer_id = c.id), 0) s FROM "
            "customers AS c ORDER BY s DESC, name"
        ),
        (
            "WITH t AS (SELECT customer_id, SUM(total) s FROM orders GROUP BY 1) SELECT name, "
            "COALESCE(s, 0.0) FROM customers LEFT JOIN t ON id = customer_id ORDER BY 2 DESC, 1"
        ),
    ],
)
def test_a_right_query(query: str) -> None:
    score, reasons = scored(query)
    assert (score.correctness, reasons) == (10, ())
    assert (score.parts["checks"], score.parts["checks_passed"]) == (3, 3)
    assert score.quality is None


@needs_sandbox
def test_a_wrong_query_says_on_which_database_and_how() -> None:
    score, reasons = scored(INNER)
    assert score.correctness == 0
    assert reasons == (
        "the query fails on the 1st database: it returns 2 rows; 3 were expected; missing: ('Cho', 0)",
        (
            "the query fails on the 2nd database: it returns 0 rows; 3 were expected; "
            "missing: ('Ann', 0), ('Bob', 0), ('Cho', 0)"
        ),
        (
            "the query fails on the 3rd database: it returns 1 rows; 3 were expected; "
            "missing: ('Ann', 0), ('Bob', 0)"
        ),
    )
    score, reasons = scored(REFERENCE.replace("DESC", "ASC"))
    assert score.correctness == pytest.approx(10 / 3, abs=0.001)
    assert reasons[0] == "the query fails on the 1st database: the rows are right, their order is not"
    _, reasons = scored("SELECT name FROM customers")
    assert reasons[0] == "the query fails on the 1st database: it returns 1 columns; 2 were expected"


@needs_sandbox
def test_without_an_order_asked_for_any_order_is_right() -> None:
    unordered = REFERENCE.partition("ORDER BY")[0]
    assert scored(REFERENCE, reference=unordered)[0].correctness == 10
    rows = QueryCheck(insert=PEOPLE, rows=((3,),))
    assert scored("SELECT COUNT(*) FROM customers", reference=None, queries=(rows,))[0].correctness == 10
    assert scored("SELECT 3.0", reference=None, queries=(rows,))[0].correctness == 10


@needs_sandbox
@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("SELEC name", 'the database says: near "SELEC": syntax error'),
        ("SELECT nam FROM customers", "the database says: no such column: nam"),
        ("SELECT 1; SELECT 2", "the database says: You can only execute one statement at a time."),
        ("DROP TABLE customers", "the database says: not authorized"),
        ("DELETE FROM customers", "the database says: not authorized"),
        ("ATTACH '/tmp/x' AS x", "the database says: not authorized"),
        ("PRAGMA table_info(customers)", "the database says: not authorized"),
        ("-- nothing", "the database says: it is no query"),
        ("SELECT load_extension('x')", "the database says: not authorized"),
        ("SELECT zeroblob(1000000000)", "the database says: string or blob too big"),
        (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i), 1 FROM n",
            "it does not",
        ),
        (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, 1 FROM n",
            "it returns more",
        ),
        ("SELECT a.id, 1 FROM orders a, orders b, orders c", "it returns"),
    ],
)
def test_what_a_query_can_not_do(query: str, why: str) -> None:
    score, reasons = scored(f"{query} ", reference=REFERENCE, queries=CHECKS[:1])
    assert score.correctness == 0
    assert reasons[0].startswith(f"the query fails on the 1st database: {why}")


@needs_sandbox
def test_a_reference_that_fails_is_not_the_answers_fault() -> None:
    score, reasons = scored(REFERENCE, reference="SELECT 1 FROM nowhere")
    assert score.correctness is None
    assert score.absent["correctness"] == (
        "the scenario's reference fails on its 1st database: no such table: nowhere"
    )
    assert reasons[0].startswith("correctness is not computed: the scenario's reference fails")


@needs_sandbox
def test_a_database_that_can_not_be_made_is_not_the_answers_fault() -> None:
    broken = QueryCheck(insert="INSERT INTO nowhere VALUES (1)", rows=((3,),))
    score, _ = scored("SELECT 3", reference=None, queries=(CHECKS[1], broken))
    assert score.correctness is None
    assert score.absent["correctness"] == (
        "the scenario's 2nd database can't be made: no such table: nowhere"
    )


@pytest.mark.parametrize(
    ("query", "ordered"),
    [
        ("SELECT 1", False),
        ("select a from t order by a;", True),
        ("select a from t ORDER\nBY a -- so\n", True),
        ("select a from (select a from t order by a)", False),
        ("select rank() over (order by a) from t", False),
        ("select a from t order by (a + 1)", True),
        ("select a from t order by coalesce(a, abs(b)), b limit (select 3)", True),
        ("with s as (select a from t order by a) select a from s", False),
        ("select ') order by a' from t -- order by a", False),
        ("select a /* ( */ from t order by a", True),
    ],
)
def test_is_ordered(query: str, ordered: bool) -> None:
    assert sql.is_ordered(query) is ordered


VALUES = (
    st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text() | st.binary()
)
ROWS = st.lists(st.tuples(VALUES, VALUES), max_size=8)


@given(ROWS, st.randoms())
def test_rows_in_another_order_are_the_same_rows(rows: list[tuple[Any, ...]], random: Any) -> None:
    shuffled = random.sample(rows, len(rows))
    assert sql.failure(Returned(shuffled), rows, ordered=False) is None
    assert sql.failure(Returned(rows), rows, ordered=True) is None


@given(ROWS, ROWS)
def test_any_rows_compare(rows: list[tuple[Any, ...]], others: list[tuple[Any, ...]]) -> None:
    why = sql.failure(Returned(rows), others, ordered=False)
    assert (why is None) == (sql.failure(Returned(others), rows, ordered=False) is None)
    assert why is None or "\n" not in why


@given(ROWS, st.tuples(VALUES, VALUES))
def test_a_row_too_many_is_never_right(rows: list[tuple[Any, ...]], more: tuple[Any, ...]) -> None:
    assert sql.failure(Returned([*rows, more]), rows, ordered=False)
    assert sql.failure(Returned(rows), [*rows, more], ordered=False)


def test_large_whole_numbers_are_exact() -> None:
    assert sql.failure(Returned([(10**12,)]), [(10**12 + 1,)], ordered=False)
    assert sql.failure(Returned([(0.1 + 0.2,)]), [(0.3,)], ordered=False) is None


def test_other_ends() -> None:
    assert sql.failure(Broken("died (SIGKILL)"), [], ordered=False) == "it died (SIGKILL)"
    assert sql.failure(Raised(("OperationalError",), "interrupted"), [], ordered=False) == "it does not end"
