SECONDS = {"h": 3600, "m": 60, "s": 1}


def read_duration(text: str) -> int:
    """Return the seconds of a duration such as '1h30m', '45s' or '2h5s'.

    A duration has one or more parts, each of them digits and a unit of SECONDS. No unit appears twice, and
    larger units come before smaller ones. Any other text raises ValueError.
    """
