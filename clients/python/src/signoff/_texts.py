"""Values that JSON has no form of its own for, as texts: docs/values.md."""

from __future__ import annotations

import pathlib
import re
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

_DATE = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
_OFFSET = "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_S = r"[0-9]{1,12}(\.[0-9]{1,9})?S"
_HMS = f"T([0-9]{{1,12}}H([0-9]{{1,12}}M)?({_S})?|[0-9]{{1,12}}M({_S})?|{_S})"

DECIMAL_LENGTH = 1000

PATTERNS: dict[str, str] = {
    "decimal": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$",
    "instant": f"^{_DATE}T{_TIME}{_OFFSET}$",
    "local": f"^{_DATE}T{_TIME}$",
    "date": f"^{_DATE}$",
    "time": f"^{_TIME}$",
    "duration": f"^-?P([0-9]{{1,9}}D({_HMS})?|{_HMS})$",
    "uuid": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
}
"""What the texts look like, as the schemas of docs/values.md say."""

_COMPILED = {name: re.compile(pattern.removesuffix("$")) for name, pattern in PATTERNS.items()}
_PARTS = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d+))?S)?)?")
_FRACTION = re.compile(r"\.(\d+)")


def fits(name: str, text: str) -> bool:
    """Whether a text looks like one."""
    return _COMPILED[name].fullmatch(text) is not None


def write_decimal(value: Decimal) -> str | None:
    """In plain notation; None for what has none, or a longer one than is allowed."""
    if not value.is_finite():
        return None
    exponent = value.as_tuple().exponent
    if max(value.adjusted(), 0) + max(-int(exponent), 0) + 3 > DECIMAL_LENGTH:
        return None
    return format(value.copy_abs() if value.is_zero() else value, "f")


def read_decimal(text: str) -> Decimal:
    """Exactly; raises ValueError."""
    if len(text) > DECIMAL_LENGTH:
        raise ValueError
    value = Decimal(text)
    return value.copy_abs() if value.is_zero() else value


def write_datetime(value: datetime) -> str | None:
    """With its offset, if it has one; None if RFC 3339 has no form for that."""
    text = f"{write_date(value)}T{_write_clock(value)}"
    offset = value.utcoffset()
    if offset is None:
        return None if value.tzinfo else text
    if offset % timedelta(minutes=1):
        return None
    minutes = offset // timedelta(minutes=1)
    sign = "-" if minutes < 0 else "+"
    hours, rest = divmod(abs(minutes), 60)
    return f"{text}{sign}{hours:02}:{rest:02}" if minutes else f"{text}Z"


def read_instant(text: str) -> datetime:
    """With a fixed offset; raises ValueError."""
    local, offset = (text[:-1], "+00:00") if text.endswith("Z") else (text[:-6], text[-6:])
    minutes = int(offset[1:3]) * 60 + int(offset[4:6])
    zone = timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes)) if minutes else timezone.utc
    return read_local(local).replace(tzinfo=zone)


def read_local(text: str) -> datetime:
    """Without an offset; raises ValueError."""
    return datetime.combine(read_date(text[:10]), read_time(text[11:]))


def write_date(value: date) -> str:
    """As ISO 8601 has it."""
    return f"{value.year:04}-{value.month:02}-{value.day:02}"


def read_date(text: str) -> date:
    """Raises ValueError for a date that no calendar has."""
    return date(int(text[:4]), int(text[5:7]), int(text[8:10]))


def write_time(value: time) -> str | None:
    """A time of day; None for one with a zone."""
    return None if value.tzinfo else _write_clock(value)


def _write_clock(value: time | datetime) -> str:
    return f"{value.hour:02}:{value.minute:02}:{value.second:02}{_fraction(value.microsecond)}"


def read_time(text: str) -> time:
    """Raises ValueError for a fraction that Python cannot hold."""
    found = _FRACTION.search(text)
    return time(int(text[:2]), int(text[3:5]), int(text[6:8]), _microseconds(found[1] if found else ""))


def write_duration(value: timedelta) -> str:
    """In hours, minutes and seconds."""
    total = value // timedelta(microseconds=1)
    seconds, microseconds = divmod(abs(total), 1_000_000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    text = f"{hours}H" if hours else ""
    text += f"{minute}M" if minute else ""
    text += f"{second}{_fraction(microseconds)}S" if second or microseconds or not total else ""
    return f"{'-' if total < 0 else ''}PT{text}"


def read_duration(text: str) -> timedelta:
    """Days have 24 hours; raises ValueError for what Python cannot hold."""
    found = _PARTS.fullmatch(text)
    if not found:
        raise ValueError
    sign, days, hours, minutes, seconds, fraction = found.groups()
    try:
        value = timedelta(
            days=int(days or 0),
            hours=int(hours or 0),
            minutes=int(minutes or 0),
            seconds=int(seconds or 0),
            microseconds=_microseconds(fraction or ""),
        )
    except OverflowError:
        raise ValueError from None
    return -value if sign else value


def _fraction(microseconds: int) -> str:
    return f".{microseconds:06}".rstrip("0") if microseconds else ""


def _microseconds(digits: str) -> int:
    if len(digits) > 6:
        raise ValueError
    return int(digits.ljust(6, "0"))


def is_path_class(cls: type[Any]) -> bool:
    """Whether it is one of Python's own classes of paths, which this system has."""
    if not issubclass(cls, pathlib.PurePath) or cls.__module__.partition(".")[0] != "pathlib":
        return False
    try:
        cls("a")
    except NotImplementedError:
        return False
    return True
