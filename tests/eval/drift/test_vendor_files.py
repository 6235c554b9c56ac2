"""Which receipts are compared with which, where the new ones are another vendor's.

Run with: pytest tests/eval/drift/test_vendor_files.py
"""

from __future__ import annotations

from scripts.trust_shifts import OTHERS, vendor_files

from setaccio.data.records import Pair


def receipts(**counts: int) -> list[Pair]:
    return [
        Pair(f"{name}{at}", f"{name} {at}", {"company": name.upper() if at % 2 else f"{name}."})
        for name, count in counts.items()
        for at in range(count)
    ]


def vendors(pairs: list[Pair]) -> set[str]:
    return {pair.text.split()[0] for pair in pairs}


def test_a_new_files_vendor_is_not_among_those_compared_with() -> None:
    pairs = receipts(a=2, big=9, b=3, large=8, c=7, d=1)
    old, new = vendor_files(pairs, most=100, vendors=2)
    assert {name: vendors(files) for name, files in new.items() if name != OTHERS} == {
        "one vendor's (number 1)": {"big"},
        "one vendor's (number 2)": {"large"},
    }
    assert len(new["one vendor's (number 1)"]) == 9  # however its name is written
    assert len(new[OTHERS]) == 9 and len(old) == 4
    assert sorted(pair.id for pair in [*old, *new[OTHERS]]) == sorted(
        pair.id for pair in receipts(a=2, b=3, c=7, d=1)
    )


def test_the_draw_is_the_same_each_time_and_bounded() -> None:
    pairs = receipts(big=30, **{f"shop{at}": 2 for at in range(100)})
    old, new = vendor_files(pairs, most=120, vendors=1)
    assert len(old) == 120 and len(new[OTHERS]) == 30
    assert not {pair.id for pair in old} & {pair.id for pair in new[OTHERS]}
    assert len(vendors(old)) > 60
    assert vendor_files(pairs, most=120, vendors=1) == (old, new)
    assert vendor_files([], most=120)[0] == []
