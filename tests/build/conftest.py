"""The wheel that the tests of this folder look at, built once: from the source distribution, so that both are tried."""

from __future__ import annotations

import pathlib
import tarfile
import zipfile

import pytest
from building import ROOT, setup_py


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The unpacked source distribution."""
    folder = tmp_path_factory.mktemp("sdist")
    setup_py(ROOT, "--quiet", "egg_info", "--egg-base", str(folder), "sdist", "--dist-dir", str(folder))
    (archive,) = folder.glob("gomp-*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


@pytest.fixture(scope="session")
def wheel(source: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The wheel built from the source distribution."""
    folder = tmp_path_factory.mktemp("wheel")
    setup_py(source, "--quiet", "bdist_wheel", "--dist-dir", str(folder))
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def package(wheel: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder of the package, as the wheel installs it."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder / "gomp"
