"""Lines of keys: right for every way in which TOML can write them."""

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ess_server.config.positions import key_lines, line_of

EVERY_FORM = '''# a comment with [brackets] and key = "value"
plain = 1
"quoted key" = 2 # plain = 3
dotted.inner = "x # y"

text = """
fake = 1
[fake]
a \\""" b"""""
after_text = 1
literal = \'\'\'
fake = 2\'\'\'
array = [ # ]
  "]", 'x]',
  { fake = [1, 2] },
]
after_array = { inner = { deeper = 1 } }
[table]
key = 1
[table.'sub']
key = 2
[[many]]
key = 1
[many.sub]
key = 2
[[many]]
key = 3
[[many.nested]]
key = 4
[[many.nested]]
key = 5
'''


def test_every_way_of_writing_a_key_has_its_line() -> None:
    """Comments, texts over several lines, arrays and nested tables do not mislead the search."""
    tomllib.loads(EVERY_FORM)

    lines = key_lines(EVERY_FORM)

    assert lines == {
        ("plain",): 2,
        ("quoted key",): 3,
        ("dotted",): 4,
        ("dotted", "inner"): 4,
        ("text",): 6,
        ("after_text",): 10,
        ("literal",): 11,
        ("array",): 13,
        ("after_array",): 17,
        ("table",): 18,
        ("table", "key"): 19,
        ("table", "sub"): 20,
        ("table", "sub", "key"): 21,
        ("many",): 22,
        ("many", 0): 22,
        ("many", 0, "key"): 23,
        ("many", 0, "sub"): 24,
        ("many", 0, "sub", "key"): 25,
        ("many", 1): 26,
        ("many", 1, "key"): 27,
        ("many", 1, "nested"): 28,
        ("many", 1, "nested", 0): 28,
        ("many", 1, "nested", 0, "key"): 29,
        ("many", 1, "nested", 1): 30,
        ("many", 1, "nested", 1, "key"): 31,
    }


def test_what_has_no_line_of_its_own_is_found_at_what_holds_it() -> None:
    """Keys of inline tables and missing keys are told by the line of the table."""
    lines = key_lines(EVERY_FORM)

    assert line_of(("after_array", "inner", "deeper"), lines) == 17
    assert line_of(("many", 1, "missing"), lines) == 26
    assert line_of(("missing",), lines) == 1


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the path of every key that holds a plain value."""
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in leaves(inner, (*path, key))]
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return [leaf for place, inner in enumerate(value) for leaf in leaves(inner, (*path, place))]
    return [path]


pieces = st.sampled_from(
    ["\n", "# [x] = '\n", "[t{n}]\n", "[[m]]\n", 'k{n} = "[#\\"]"\n', "k{n} = '''\na = 1\n'''\n", "k{n} = [\n1,\n]\n"]
)


@given(st.lists(pieces, max_size=12))
def test_every_key_that_the_parser_reads_is_found_where_it_is_written(drawn: list[str]) -> None:
    """For any document the key stands on the line that was found, at its beginning."""
    text = "".join(piece.replace("{n}", str(number)) for number, piece in enumerate(drawn))
    rows = text.split("\n")

    lines = key_lines(text)

    for path in leaves(tomllib.loads(text)):
        if path:
            assert rows[lines[path] - 1].startswith(f"{path[-1]} =")
