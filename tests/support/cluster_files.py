"""The cluster files that come along, with what a user must fill in filled in."""

from lab.hosts import REPOSITORY

REGION = "us-west-2"
GROUP = "sg-0123"
FILLED = {
    "cluster.yaml": {"<region such as us-west-2>": REGION, "<security group such as sg-0123>": GROUP},
    "cluster-local.yaml": {
        "<the head's address>": "192.168.1.10",
        "<a worker's address>": "192.168.1.11",
        "<your user on all machines>": "me",
        "<a folder that all machines see>": "/srv/ignm",
    },
}


def filled(name: str) -> str:
    """The text of a file with its placeholders replaced."""
    text = (REPOSITORY / name).read_text()
    for placeholder, value in FILLED[name].items():
        assert placeholder in text
        text = text.replace(placeholder, value)
    return text
