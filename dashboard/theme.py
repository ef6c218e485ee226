"""Colours and type, light and dark: told apart by the colour-blind too, and never the only sign."""

import streamlit as st

from dashboard.options import DARK, LIGHT, Palette

ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<path d="M4 27V7h24v20" fill="none" stroke="#0b5f95" stroke-width="4" stroke-linecap="round"'
    ' stroke-linejoin="round"/><circle cx="16" cy="20" r="5" fill="#d55e00"/></svg>'
)
"""The sign in the browser's tab: a goal and a ball; nothing is fetched from elsewhere."""


def logo() -> str:
    """Return the sign with the name beside it, readable on the theme's ground."""
    sign = ICON.partition(">")[2].removesuffix("</svg>")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 172 32">{sign}<text x="40" y="23" '
        f'font-family="Source Sans, Source Sans Pro, Segoe UI, Helvetica, Arial, sans-serif" font-size="20" '
        f'font-weight="600" fill="{palette().ink}">Goalkeeper</text></svg>'
    )


def is_dark() -> bool:
    """Tell whether the reader's browser shows the dark theme."""
    return bool(st.context.theme.type == "dark")


def palette() -> Palette:
    """Return the colours of the theme that the reader sees."""
    return DARK if is_dark() else LIGHT


def css() -> str:
    """Return what the pages add to Streamlit's looks; small print is dark enough to be read (WCAG AA)."""
    on_button = "#0b1118" if is_dark() else "#ffffff"
    button = '[data-testid^="stBaseButton-primary"]'
    small = '[data-testid="stCaptionContainer"], [data-testid="stExpander"] summary'
    colours = palette()
    lights = "".join(
        f".gk-{name} {{color: {colour}; background: color-mix(in srgb, {colour} 12%, transparent);}}"
        for name, colour in (
            ("good", colours.good), ("watch", colours.watch), ("bad", colours.bad),
            ("unknown", colours.muted),
        )
    )  # fmt: skip
    small_print = f".gk-model small, .gk-said small {{color: {colours.muted};}}"
    return (
        f"{CSS}<style>{lights}{small_print}"
        f"{small} {{color: {palette().muted} !important; opacity: 1 !important;}}"
        f"{button} p, {button} span {{color: {on_button} !important;}}</style>"
    )


CSS = """
<style>
[data-testid="stMainBlockContainer"] {padding-top: 2.4rem; padding-bottom: 4rem; max-width: 1360px;}
[data-testid="stMain"], [data-testid="stSidebar"] {font-variant-numeric: tabular-nums;}
[data-testid="stHeader"] {background: transparent;}
[data-testid="stExpander"] summary p, [data-testid="stExpander"] summary span {color: inherit !important;}
[data-testid="stMetricValue"] {font-size: 1.5rem; font-weight: 620;}
h1, h2, h3 {letter-spacing: -0.01em; overflow-wrap: anywhere;}
h1 {padding-bottom: 0.5rem !important;}
h2 {padding-top: 0.9rem !important; padding-bottom: 0.2rem !important; scroll-margin-top: 3rem;}
[data-testid="stHeadingWithActionElements"] a {display: none;}
[class*="st-key-lead"] p {font-size: 1.12rem; line-height: 1.5;}
[class*="st-key-card"] p {margin-bottom: 0.15rem;}
[class*="st-key-card"] [data-testid="stMarkdownContainer"],
[class*="st-key-card"] [data-testid="stCaptionContainer"] {margin-bottom: 0;}
[class*="st-key-card"] [data-testid="stPageLink-NavLink"]
  {padding-left: 0; margin-left: 0; background: transparent;}
[class*="st-key-card"] [data-testid="stPageLink-NavLink"]:hover {text-decoration: underline;}
[data-testid="stMain"] [data-testid="stPageLink-NavLink"] p {white-space: normal; overflow-wrap: anywhere;}
[class*="st-key-name"] [data-testid="stPageLink-NavLink"] p {font-size: 1.12rem; font-weight: 620;}
[data-testid="stPopoverBody"] {max-width: min(27rem, 92vw);}
.gk-table {overflow-x: auto;}
.gk-table table {border-collapse: collapse; width: 100%; font-size: 0.9rem;}
.gk-table th {text-align: left; font-weight: 600; opacity: 0.72; white-space: nowrap;}
.gk-table th, .gk-table td {padding: 0.42rem 0.9rem 0.42rem 0; vertical-align: top;
  border-bottom: 1px solid color-mix(in srgb, currentColor 14%, transparent); overflow-wrap: break-word;
  max-width: 40rem;}
.gk-table th:first-child {min-width: 9.5rem;}
.gk-table th.gk-right, .gk-table td.gk-right {text-align: right; white-space: nowrap;}
.gk-table a {color: inherit; text-underline-offset: 0.2em;}
.gk-table td small {display: block; opacity: 0.72; font-size: 0.82rem;}
.gk-model {display: grid; grid-template-columns: 1fr 230px; gap: 1.2rem; align-items: center;}
.gk-model p, .gk-said p {margin: 0 0 0.35rem !important;}
.gk-model small, .gk-said small {display: block; font-size: 0.84rem; margin-bottom: 0.2rem;
  overflow-wrap: anywhere;}
.gk-model a {color: inherit; text-underline-offset: 0.2em;}
.gk-light {display: inline-block; padding: 0.08rem 0.5rem; margin: 0 0.4rem 0.2rem 0; font-size: 0.86rem;
  border-radius: 0.4rem; white-space: nowrap;}
.gk-spark {width: 100%; height: auto;}
.gk-unseen {position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);}
.gk-facts {margin: 0 !important; padding: 0 !important; display: grid; gap: 0.45rem; font-size: 0.92rem;}
.gk-facts div {display: grid; grid-template-columns: 7.2rem 1fr; gap: 0.6rem;}
.gk-facts dt {opacity: 0.72; margin: 0; padding: 0; font-weight: 400;}
.gk-facts dd {margin: 0 !important; padding: 0; overflow-wrap: anywhere;}
.gk-trail {list-style: none !important; margin: 0 !important; padding: 0 !important; font-size: 0.92rem;}
.gk-trail li {display: grid; margin: 0 !important;
  grid-template-columns: 8.5rem 1fr; gap: 0.6rem; padding: 0.35rem 0;
  border-bottom: 1px solid color-mix(in srgb, currentColor 14%, transparent);}
.gk-trail time {opacity: 0.72;}
.gk-trail p {margin: 0; overflow-wrap: anywhere;}
@media (max-width: 600px) {
  .gk-model {grid-template-columns: 1fr;}
  .gk-spark {max-width: 230px;}
  .gk-table th:first-child {min-width: 5.8rem;}
  .gk-table th, .gk-table td {padding-right: 0.6rem;}
}
@media (max-width: 1000px) {
  [data-testid="stMainBlockContainer"] {padding: 3.2rem 1.2rem 4rem;}
  [class*="st-key-charts"] [data-testid="stHorizontalBlock"],
  [class*="st-key-split"] > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"]
    {flex-wrap: wrap;}
  [class*="st-key-charts"] [data-testid="stHorizontalBlock"] > [data-testid="stColumn"],
  [class*="st-key-split"] > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"]
    > [data-testid="stColumn"] {flex: 1 1 100%; min-width: 100%;}
}
</style>
"""
"""Spacing, tables and figures of equal width; holds no text of anybody's."""
