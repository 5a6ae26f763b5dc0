"""The package, once built, installs into an environment of its own and works there."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WHEELS = ROOT / ".venv" / "wheels"
PROGRAM = """
import importlib.metadata, pathlib, signoff
from signoff.v1 import access_service_pb2_grpc, approval_service_pb2_grpc, error_pb2, policy_service_pb2_grpc
assert importlib.metadata.version("signoff") == "0.1.0"
assert (pathlib.Path(signoff.__file__).parent / "py.typed").exists()
print(pathlib.Path(signoff.__file__))
signoff.Client("localhost").close()
"""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(directory), str(ROOT)]
    subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return directory


def test_installs(built: Path, tmp_path: Path) -> None:
    [wheel] = built.glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--no-index", "--find-links", WHEELS, wheel]
    subprocess.run(pip, check=True)
    ran = subprocess.run([python, "-c", PROGRAM], check=True, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert ran.stdout.startswith(str(tmp_path))


def test_contains(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    [source] = built.glob("*.tar.gz")
    files = zipfile.ZipFile(wheel).namelist()
    assert "signoff-0.1.0.dist-info/licenses/LICENSE" in files
    assert "signoff/v1/approval_service_pb2_grpc.pyi" in files
    assert not [file for file in files if not file.startswith(("signoff/", "signoff-0.1.0.dist-info/"))]
    with tarfile.open(source) as archive:
        names = archive.getnames()
    assert {"signoff-0.1.0/LICENSE", "signoff-0.1.0/README.md"} <= set(names)
    # Which need what only the repository has.
    assert not [name for name in names if "tests" in name]
    metadata = zipfile.ZipFile(wheel).read("signoff-0.1.0.dist-info/METADATA").decode()
    assert (ROOT / "README.md").read_text() in metadata
    assert (ROOT / "LICENSE").read_text() == (ROOT.parents[1] / "LICENSE").read_text()
