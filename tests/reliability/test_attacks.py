"""Some hundred wrong files of each kind; `python -m tests.reliability.attack` reads 500,000."""

from __future__ import annotations

import pytest

pytest.importorskip("safetensors")
pytest.importorskip("PIL")

from reliability import attack  # noqa: E402


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", attack.KINDS)
def test_wrong_files_give_plain_data_or_an_error_of_ours(kind, monkeypatch):
    monkeypatch.setattr(attack, "SECONDS", 30.0)  # the long command measures time, this does not
    report = attack.run(kind, 300)
    assert report["wrong"] == [] and report["forbidden"] == {}
    assert report["files"] == 300 and report["read"] > 0 and report["refused"] > 0
