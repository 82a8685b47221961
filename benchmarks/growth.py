"""How a space grows with scenarios and faults, and what each reduction saves: a table, and docs/growth.svg.

`python -m benchmarks.growth`; about seven minutes. A search that was given up is shown with what it had met.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from payments_lab.explore.exploring import Plan, explore
from payments_lab.explore.faults import Faults
from payments_lab.explore.scenario import SCENARIOS
from payments_lab.explore.search import Limits
from payments_lab.explore.world import Services

PICTURE = Path(__file__).parent.parent / "docs" / "growth.svg"
ALL = Faults(crashes=1, duplicates=1, lost_replies=1)
SPACES = [
    *(("two-clicks", faults) for faults in (Faults(), Faults(crashes=1), Faults(duplicates=1), Faults(lost_replies=1))),
    ("two-clicks", ALL),
    ("two-orders", Faults()),
    ("two-clicks-and-cancel", Faults()),
    ("two-clicks-and-cancel", ALL),
    ("everything", Faults()),
    ("everything", ALL),
]
LADDER = {
    "nothing reduced": {"merge": False, "cover": False},
    "tasks that stand alike are one": {"cover": False},
    "and more faults to come cover fewer": {},
    "and orders and expiration act at once": {"atomic": ("orders", "expiration")},
}
COLOURS = ("#b8b2a3", "#8a9bb8", "#2b5797", "#27693a")
LIMITS = Limits(states=12_000_000, seconds=60.0)
LEFT, RIGHT, TOP, BAR, GAP = 275, 665, 112, 11, 14
MOST = 8
WIDTH = 900


@dataclass(frozen=True)
class Bar:
    states: int
    seconds: float
    complete: bool

    @property
    def words(self) -> str:
        return f"{'' if self.complete else 'more than '}{self.states:,} in {self.seconds:.1f} s"


def measure(scenario: str, faults: Faults, options: dict[str, object]) -> Bar:
    plan = Plan(Services(), (), faults, LIMITS, **options)  # type: ignore[arg-type]
    found = explore(plan, SCENARIOS[scenario])
    return Bar(found.states, found.seconds, found.complete)


def drawn(rows: list[tuple[str, list[Bar]]]) -> str:
    """Bars on a logarithmic scale, a group for each space."""
    height = TOP + len(rows) * (len(LADDER) * BAR + GAP) + 20
    unit = (RIGHT - LEFT) / MOST
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="12" role="img" aria-label="How a space grows">',
        f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#fffefb" stroke="#ddd8cb"/>',
    ]
    for place, (name, colour) in enumerate(zip(LADDER, COLOURS, strict=True)):
        x, y = 20 + 410 * (place % 2), 24 + 20 * (place // 2)
        parts.append(f'<rect x="{x}" y="{y - 9}" width="12" height="{BAR}" fill="{colour}"/>')
        parts.append(f'<text x="{x + 20}" y="{y}" fill="#26241f">{escape(name)}</text>')
    title = "configurations, each tenfold step as wide; a dashed bar was given up"
    parts.append(f'<text x="{LEFT}" y="72" fill="#625c50">{title}</text>')
    for power in range(MOST + 1):
        x = LEFT + power * unit
        parts.append(f'<path d="M{x:.1f} {TOP - 14}V{height - 16}" stroke="#ddd8cb"/>')
        parts.append(f'<text x="{x:.1f}" y="{TOP - 20}" text-anchor="middle" fill="#625c50">{_power(power)}</text>')
    y = TOP
    for label, bars in rows:
        middle = y + len(bars) * BAR / 2 + 4
        parts.append(f'<text x="{LEFT - 10}" y="{middle:.1f}" text-anchor="end" fill="#26241f">{escape(label)}</text>')
        for bar, colour in zip(bars, COLOURS, strict=True):
            width = max(1.0, math.log10(bar.states) * unit)
            dashes = "" if bar.complete else ' stroke="#b3261e" stroke-dasharray="3 2"'
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 1}" fill="{colour}"{dashes}/>')
            parts.append(
                f'<text x="{LEFT + width + 6:.1f}" y="{y + 9}" font-size="10.5" fill="#625c50">{bar.words}</text>'
            )
            y += BAR
        y += GAP
    return "\n".join([*parts, "</svg>", ""])


def _power(power: int) -> str:
    return "1" if power == 0 else f"{10**power:,}" if power < 4 else f"10{'⁰¹²³⁴⁵⁶⁷⁸⁹'[power]}"


def main() -> None:
    rows: list[tuple[str, list[Bar]]] = []
    for scenario, faults in SPACES:
        label = f"{scenario}, {faults.words().removesuffix(', reordering').replace('reordering', 'no faults')}"
        if faults == ALL:
            label = f"{scenario}, one of each fault"
        bars = [measure(scenario, faults, options) for options in LADDER.values()]
        rows.append((label, bars))
        print(label, *(f"  {name}: {bar.words}" for name, bar in zip(LADDER, bars, strict=True)), sep="\n", flush=True)
    PICTURE.write_text(drawn(rows))


if __name__ == "__main__":
    main()
