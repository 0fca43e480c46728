"""A strict reader of the LaTeX that the tables are made of: braces, environments, columns and escapes."""

import re

ESCAPED = re.compile(r"\\[&%$#_{}]")
SPECIAL = re.compile(r"(?<!\\)[#&~^_$%<>|]")
ENVIRONMENT = re.compile(r"\\(begin|end)\{(\w+)\}")


def faults(text):
    """Say what a LaTeX table has wrong; nothing for one that compiles."""
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    return [*_braces(body), *_environments(body), *_columns(body), *_specials(body)]


def _braces(body):
    depth = 0
    for sign in re.sub(r"\\[{}]", "", body):
        depth += {"{": 1, "}": -1}.get(sign, 0)
        if depth < 0:
            return ["a brace closes that was not open"]
    return ["a brace is left open"] if depth else []


def _environments(body):
    opened = []
    for what, name in ENVIRONMENT.findall(body):
        if what == "begin":
            opened.append(name)
        elif not opened or opened.pop() != name:
            return [f"{name} ends where it does not stand"]
    return [f"{name} is not ended" for name in opened]


def _columns(body):
    """Rows of a tabular must have its number of cells; stacked cells are tabulars of one column."""
    inner = re.sub(r"\\begin\{tabular\}\[t\]\{@\{\}[lr]@\{\}\}(.*?)\\end\{tabular\}", "stack", body)
    found = []
    for columns, rows in re.findall(r"\\begin\{tabular\}\{([lr]+)\}(.*?)\\end\{tabular\}", inner, flags=re.DOTALL):
        for line in rows.splitlines():
            if (
                line.endswith(r"\\")
                and "multicolumn" not in line
                and ESCAPED.sub("", line).count("&") != len(columns) - 1
            ):
                found.append(f"not {len(columns)} cells: {line}")
    return found


def _specials(body):
    """Signs that LaTeX reads as commands may stand only where the table itself puts them."""
    plain = re.sub(r"\$[^$]{1,12}\$", "", ESCAPED.sub("", body.replace("[c]{%\n", "[c]{\n")))
    return [
        f"{sign!r} is not escaped: {line}"
        for line in plain.splitlines()
        for sign in SPECIAL.findall(line)
        if sign != "&" or not line.endswith(r"\\")
    ]
