"""How `make docs` builds these pages: Sphinx with Markdown. Nothing in them is fetched.

The reference is written anew from what the command and the forms themselves are made of.
"""

from pathlib import Path
from typing import Any

from flows.asking.groups import FRONT, GROUPS
from flows.asking.model_file import SECTIONS
from flows.asking.parameters import RetrainParameters
from flows.command.commands import COMMANDS

project = "Paddock"
extensions = ["myst_parser"]
root_doc = "contents"  # index.md stays free of directives, which GitHub would show as code
myst_heading_anchors = 3
html_theme = "alabaster"
html_title = "Paddock"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_sphinx = False
html_sidebars = {"**": ["about.html", "searchfield.html", "navigation.html"]}
html_theme_options = {
    "description": "Raises LLaMA-family models, from raw data to an approved one.",
    "fixed_sidebar": True,
    "font_family": "system-ui, sans-serif",
    "font_size": "16px",
    "head_font_family": "system-ui, sans-serif",
    "page_width": "1180px",
    "body_max_width": "900px",
    "show_powered_by": False,
}
REFERENCE = Path(__file__).parent / "generated" / "reference.md"


def setup(app: Any) -> None:
    """Write the reference before Sphinx looks for pages."""
    del app
    REFERENCE.parent.mkdir(exist_ok=True)
    text = _reference()
    if not REFERENCE.exists() or REFERENCE.read_text("utf-8") != text:
        REFERENCE.write_text(text, "utf-8")


def _reference() -> str:
    lines = ["# Reference", "", "Made from the parameters themselves.", "", "## A model's file", ""]
    lines += _table(RetrainParameters, [n for n in FRONT if n in RetrainParameters.model_fields])
    for name, group in GROUPS.items():
        lines += [f"### [{name}]", "", group.about, "", *_table(RetrainParameters, group.fields)]
    for name, section in SECTIONS.items():
        about = section.__doc__ or ""
        lines += [f"### [{name}]", "", about, "", *_table(section, section.model_fields)]
    for name, command in COMMANDS.items():
        lines += [f"## paddock {name}", "", f"{command.text[0].upper()}{command.text[1:]}.", ""]
        fields = {**command.fields.model_fields, **command.options.model_fields}
        both = type(name, (command.options, command.fields), {})
        lines += _table(both, fields, option=True)
    return "\n".join(lines)


def _table(model: Any, names: Any, *, option: bool = False) -> list[str]:
    rows = [_row(name, model.model_fields[name], option=option) for name in names]
    return ["| name | default | what it is |", "|---|---|---|", *rows, ""] if rows else []


def _row(name: str, field: Any, *, option: bool) -> str:
    shown = f"--{name.replace('_', '-')}" if option else name
    default = "" if field.is_required() or field.default in ("", None, ()) else f"`{field.default}`"
    about = (field.description or "").replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
    return f"| `{shown}` | {default} | {about} |"
