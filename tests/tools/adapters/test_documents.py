"""Bytes to documents: encodings, compression, limits."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.adapters.documents import Broken, Located, read_documents


def values(data: bytes, name: str = "x.yaml") -> list[object]:
    return [p.value if isinstance(p, Located) else p.reason for p in read_documents(data, name=name)]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"a: \xc3\xa4", "x.yaml"),
        (b"\xef\xbb\xbfa: \xc3\xa4", "x.yaml"),
        ("\ufeffa: ä".encode("utf-16-le"), "x.yaml"),
        ("\ufeffa: ä".encode("utf-16-be"), "x.yaml"),
        ("\ufeffa: ä".encode("utf-32-le"), "x.yaml"),
        (gzip.compress(b"a: \xc3\xa4"), "x.yaml.gz"),
        ('{"a": "ä"}'.encode(), "x.json"),
        ('{"a": "ä"}'.encode(), "x.yaml"),
        (gzip.compress('{"a": "ä"}'.encode()), "x.json.gz"),
    ],
    ids=["utf-8", "bom", "utf-16-le", "utf-16-be", "utf-32", "gzip", "json", "json in yaml", "json gzip"],
)
def test_reads_text_in_any_unicode_encoding(data: bytes, name: str) -> None:
    """The same document comes out of every encoding and container."""
    assert values(data, name) == [{"a": "ä"}]


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (b"a: \x00\x01", "x.yaml", "binary data"),
        (b"a: \xff\xfe", "x.yaml", "not utf-8 text"),
        (b"\x1f\x8bnonsense", "x.yaml.gz", "damaged gzip"),
        (gzip.compress(b"a: 1")[:-5], "x.yaml.gz", "cut short"),
        (b'{"a": 1', "x.json", "not JSON"),
        (b'{"a": NaN}', "x.json", "NaN is no JSON number"),
        (b'{"a": 1, "a": 2}', "x.json", "'a' stands twice"),
        (b'{"a": "\\ud800"}', "x.json", "no Unicode"),
        (b"[" * 100_000, "x.json", "nested deeper"),
        (b"[" * 300 + b"]" * 300, "x.json", "nested deeper"),
    ],
    ids=["nul", "latin", "no gzip", "cut gzip", "cut json", "nan", "twice", "surrogate", "very deep", "deep"],
)
def test_says_why_a_file_is_no_document(data: bytes, name: str, words: str) -> None:
    """One reason, no exception."""
    (part,) = read_documents(data, name=name)
    assert isinstance(part, Broken)
    assert words in part.reason


def test_does_not_unpack_a_bomb() -> None:
    """A small gzip file that grows beyond the limit is refused, not unpacked."""
    packed = gzip.compress(b"0" * (300 * 2**20), compresslevel=1)
    assert values(packed, "x.json.gz") == ["larger than 256 MiB when unpacked"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_json_round_trips(value: object) -> None:
    """What `json` writes is read back."""
    try:
        data = json.dumps(value).encode()
        data.decode()
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    assert values(data, "x.json") == [value]


@given(st.binary(max_size=80))
def test_survives_any_bytes(data: bytes) -> None:
    """No bytes raise, whatever the file claims to be."""
    for name in ("x.yaml", "x.json", "x.yaml.gz"):
        list(read_documents(data, name=name))
