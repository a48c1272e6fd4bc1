"""How the pages of this tree become a site (`make docs-site`): Sphinx reads them where they are, links and all."""

import sys
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.highlighting import lexers

import turnstile

sys.path.insert(0, str(Path(__file__).parent / "site"))

project = "Turnstile"
version = release = turnstile.__version__
copyright = ""  # noqa: A001 - Sphinx's name; LICENSE says whose it is
html_show_copyright = False

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "api_names",
    "diagrams",
    "page_order",
    "tree_files",
]
root_doc = "docs/index"
include_patterns = ["README.md", "CHANGELOG.md", "docs/**"]
exclude_patterns = [".*", "build", "tests", "turnstile", "actors", "config", "docs/site", "docs/generate"]

# Whatever cannot be resolved is a warning, and a warning is an error; `api_names` says which names are ours.
nitpicky = True
myst_heading_anchors = 4
highlight_language = "text"  # of what names none
lexers["haproxy"] = TextLexer()  # Pygments has none

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
autodoc_preserve_defaults = True
default_role = "py:obj"  # `name` in a docstring
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 90
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"Turnstile {release}"
html_static_path = ["site/static"]
html_css_files = ["site.css"]
html_additional_pages = {"index": "start.html"}
templates_path = ["site/templates"]
html_copy_source = False
html_last_updated_fmt = None
