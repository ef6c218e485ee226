"""One file is one page; `core.plugins` finds them."""
