"""How Streamlit is started: the theme, and what it must not do; light enough for any process to ask."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours of one theme; `series` after Okabe and Ito, lightened for dark ground."""

    ground: str
    ink: str
    muted: str
    line: str
    series: tuple[str, ...]
    good: str
    watch: str
    bad: str
    scale: tuple[tuple[float, str], ...]


LIGHT = Palette(
    ground="#ffffff",
    ink="#1c2430",
    muted="#5b6675",
    line="#dfe4ea",
    series=("#0072b2", "#d55e00", "#009e73", "#8a5fa8", "#b07d00", "#4a5568"),
    good="#00795a",
    watch="#9a6700",
    bad="#b3261e",
    scale=((0.0, "#f3f6f9"), (0.3, "#b9d3e6"), (0.6, "#4d94c4"), (1.0, "#083a63")),
)
DARK = Palette(
    ground="#12171f",
    ink="#e6eaf0",
    muted="#9aa6b5",
    line="#2b3440",
    series=("#56b4e9", "#f0883e", "#2fc39a", "#c9a3e3", "#e6b83c", "#aab4c2"),
    good="#4cc9a0",
    watch="#e6b83c",
    bad="#ff8a80",
    scale=((0.0, "#1b222c"), (0.3, "#1f4a6b"), (0.6, "#3d8fc4"), (1.0, "#d6ecfb")),
)

OPTIONS: dict[str, str] = {
    "theme.baseRadius": "0.4rem",
    "theme.showWidgetBorder": "true",
    "theme.baseFontSize": "15",
    "theme.headingFontWeights": "[650, 620, 600, 600, 600, 600]",
    "theme.headingFontSizes": '["1.7rem", "1.3rem", "1.05rem", "1rem", "0.95rem", "0.9rem"]',
    "theme.light.primaryColor": "#0b5f95",
    "theme.light.backgroundColor": LIGHT.ground,
    "theme.light.secondaryBackgroundColor": "#f4f6f8",
    "theme.light.textColor": LIGHT.ink,
    "theme.light.linkColor": "#0b5f95",
    "theme.light.borderColor": LIGHT.line,
    "theme.dark.primaryColor": "#56b4e9",
    "theme.dark.backgroundColor": DARK.ground,
    "theme.dark.secondaryBackgroundColor": "#1a212b",
    "theme.dark.textColor": DARK.ink,
    "theme.dark.linkColor": "#7cc4f0",
    "theme.dark.borderColor": DARK.line,
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "runner.postScriptGC": "false",  # a full collection after each run took 0.1 s, more than most pages
}
"""What `.streamlit/config.toml` says for a start by hand; flags of `streamlit run`: `streamlit_flags()`."""


def streamlit_flags() -> list[str]:
    """Return the options as flags of `streamlit run`, so that an installed copy needs no file."""
    return [f"--{name}={value}" for name, value in OPTIONS.items()]
