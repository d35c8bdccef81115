from __future__ import annotations

from pathlib import Path

from flows.servers.prefect_pages import LEFT_OUT_ON_PURPOSE, one_generation
from flows.servers.supervisor import is_for_people


def test_the_second_generation_cannot_be_copied_and_the_terminal_does_not_tell(
    tmp_path: Path,
) -> None:
    (tmp_path / "prefect-pages/v2").mkdir(parents=True)  # of a server that served it
    (tmp_path / "prefect-pages/v2/index.html").write_text("")
    one_generation(tmp_path)
    settings = one_generation(tmp_path)
    folder = Path(settings["PREFECT_SERVER_UI_STATIC_DIRECTORY"])
    assert not (folder / "v2").exists() and (folder / "v2").is_symlink()
    assert settings["PREFECT_SERVER_UI_V2_ENABLED"] == "false"
    assert not is_for_people("prefect", f"| ERROR | {LEFT_OUT_ON_PURPOSE} at {folder}/v2")
    assert is_for_people("prefect", "| ERROR | Failed to create V1 UI static directory")
