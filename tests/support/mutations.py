"""Files as nobody should write them: values of the wrong kind, missing and unknown keys, torn and flipped bytes."""

import copy
import math

import numpy as np
import yaml

JUNK = (
    None, True, False, 0, -1, 1, 3, 1e-12, 1e308, -5.5, 10**30, math.nan, math.inf, -math.inf, "", " ", "none", "null",
    "dcgan", "../..", "é\u0000", "a" * 5000, "1e-4", "loss.adversarial", [], [[]], [None], {}, {"": 1}, {1: 2},
    {"a": {"b": 1}}, [1, "x", None], [{"path": 3}], "2026-01-01", "0x10", "!!python/object:os.system", "\n- a\n",
    "*x", "&x 1", "%", "@",
)  # fmt: skip
PIECES = (b"\t", b"\n", b"  ", b": ", b"- ", b"{", b"[", b"#", b"'", b"\x00", b"!!", b"*a")
KEYS = ("kind", "generatr", "generator", "loss.adversarial", "0", "kimg", "seeds", "")


def mutated_tree(tree, random):
    """A copy of a tree of dicts and lists with a few of its places changed."""
    tree = copy.deepcopy(tree)
    for _ in range(int(random.integers(1, 5))):
        holder = _place(tree, random)
        _CHANGES[random.integers(len(_CHANGES))](holder, random)
    return tree


def mutated_bytes(content, random):
    """A file's bytes flipped, torn off, doubled or with others put in."""
    data = bytearray(content)
    for _ in range(int(random.integers(1, 6))):
        at = int(random.integers(0, len(data) + 1))
        kind = random.integers(5)
        if kind == 0 and at < len(data):
            data[at] = int(random.integers(256))
        elif kind == 1:
            del data[at:]
        elif kind == 2:
            data[at:at] = data[max(0, at - 40) : at]
        elif kind == 3:
            data[at:at] = bytes(random.integers(0, 256, 8, dtype=np.uint8))
        else:
            data[at:at] = random.choice(
                [b"\t", b"\n", b"  ", b": ", b"- ", b"{", b"[", b"#", b"'", b"\x00", b"!!", b"*a"]
            )
        if not data:
            data = bytearray(b"x")
    return bytes(data)


def mutated_file(tree, random):
    """Bytes of a YAML file made of a tree: changed as a tree, as text, or both."""
    kind = random.integers(3)
    changed = mutated_tree(tree, random) if kind != 1 else tree
    text = yaml.safe_dump(changed, allow_unicode=True)
    return text.encode() if kind == 0 else mutated_bytes(text.encode(), random)


def _place(tree, random):
    """A dict or list somewhere in a tree."""
    holders = [tree]
    for holder in holders:
        items = holder.values() if isinstance(holder, dict) else holder
        holders += [item for item in items if isinstance(item, dict | list) and item]
    return holders[random.integers(len(holders))]


def _replace(holder, random):
    keys = list(holder) if isinstance(holder, dict) else range(len(holder))
    if keys:
        holder[keys[random.integers(len(keys))]] = copy.deepcopy(JUNK[random.integers(len(JUNK))])


def _remove(holder, random):
    keys = list(holder) if isinstance(holder, dict) else range(len(holder))
    if keys:
        del holder[keys[random.integers(len(keys))]]


def _add(holder, random):
    junk = copy.deepcopy(JUNK[random.integers(len(JUNK))])
    if isinstance(holder, dict):
        holder[str(random.choice(["kind", "generatr", "generator", "loss.adversarial", "0", "kimg", "seeds", ""]))] = (
            junk
        )
    else:
        holder.append(junk)


def _swap(holder, random):
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    if len(keys) > 1:
        one, other = random.choice(len(keys), 2, replace=False)
        holder[keys[one]], holder[keys[other]] = holder[keys[other]], holder[keys[one]]


_CHANGES = (_replace, _replace, _remove, _add, _swap)
