"""How `make docs` builds these pages: Sphinx with Markdown. Nothing in them is fetched."""

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
