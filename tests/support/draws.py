"""Values of a space's axes: drawn by hypothesis, or uniformly by a seeded generator."""

import math

from hypothesis import strategies as st

from spaces.axis import ChoiceDomain


def drawn(data, label=""):
    """What `Space.sample` asks for, drawn by hypothesis."""

    def suggest(axis):
        domain = axis.domain
        if isinstance(domain, ChoiceDomain):
            return data.draw(st.sampled_from(domain.values), label=f"{label}{axis.path}")
        numbers = (
            st.integers(int(domain.low), int(domain.high))
            if domain.kind == "int"
            else st.floats(domain.low, domain.high)
        )
        return data.draw(numbers, label=f"{label}{axis.path}")

    return suggest


def uniformly(source):
    """What `Space.sample` asks for, uniform on each axis's own scale."""

    def suggest(axis):
        domain = axis.domain
        if isinstance(domain, ChoiceDomain):
            return source.choice(domain.values)
        if domain.kind == "int":
            return source.randint(int(domain.low), int(domain.high))
        if domain.log:
            return min(domain.high, math.exp(source.uniform(math.log(domain.low), math.log(domain.high))))
        return source.uniform(domain.low, domain.high)

    return suggest
