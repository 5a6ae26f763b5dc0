"""The generated code is that of the protos."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_is_up_to_date(tmp_path: Path) -> None:
    subprocess.run([ROOT / "scripts" / "generate", tmp_path], check=True)
    committed = {path.relative_to(ROOT): path.read_text() for path in (ROOT / "src/signoff/v1").glob("*_pb2*")}
    generated = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.name for path in committed if path.suffix in (".py", ".pyi")}
    assert committed == generated
