"""Templates, their places, Korean particles, and that a language ends with its block."""

from __future__ import annotations

import pytest

from pytest_llmeval import language
from pytest_llmeval.language import N_, _, ngettext


def test_english_is_what_stands_in_the_source() -> None:
    assert language.current() == "en"
    assert _("nothing like this is in a catalogue, {name}", name="a") == (
        "nothing like this is in a catalogue, a"
    )
    assert ngettext("{count} thing", "{count} things", 1) == "1 thing"
    assert ngettext("{count} thing of {who}", "{count} things of {who}", 2, who="a") == "2 things of a"


def test_a_template_without_places_may_have_braces() -> None:
    assert _("{") == "{"
    assert _("{{{a}}}", a=1) == "{1}"


def test_a_language_lasts_as_long_as_its_block() -> None:
    with language.using("ko"):
        assert _("no baselines") == "기준 없음"
        assert ngettext("{count} round", "{count} rounds", 1) == "1회"
        assert _("not in any catalogue") == "not in any catalogue"
        with language.using("en"):
            assert _("no baselines") == "no baselines"
        assert language.current() == "ko"
    assert _("no baselines") == "no baselines"


def test_a_constant_is_translated_when_it_is_shown() -> None:
    constant = N_("no baselines")
    assert constant == "no baselines"
    with language.using("ko"):
        assert _(constant) == "기준 없음"


@pytest.mark.parametrize(
    ("template", "value", "said"),
    [
        ("{x:이/가}", "속도", "속도가"),
        ("{x:이/가}", "품질", "품질이"),
        ("{x:은/는}", "gpt-3", "gpt-3은"),
        ("{x:은/는}", "v2", "v2는"),
        ("{x:을/를}", "awq", "awq를"),
        ("{x:을/를}", "vllm", "vllm을"),
        ("{x:으로/로}", "서울", "서울로"),
        ("{x:으로/로}", "10", "10으로"),
        ("{x:으로/로}", "8", "8로"),
        ("{x:이/가}", "기준(8)", "기준(8)이"),
        ("{x:이/가}", "…", "…가"),
        ("{x:.2f}", 1.005, "1.00"),
    ],
)
def test_a_particle_follows_the_sound_before_it(template: str, value: object, said: str) -> None:
    with language.using("ko"):
        assert _(template, x=value) == said
