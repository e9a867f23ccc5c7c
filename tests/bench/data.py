"""The benchmark's object, of 12 fields of which 8 are indexed, and its seeded records."""

import random
from typing import Any

OBJECT = "bench_deal"
STAGES = ("new", "qualified", "proposal", "negotiation", "won", "lost")
WORDS = "amber apex atlas beacon cedar cobalt delta ember falcon granite harbor iron maple".split()

FIELDS: list[dict[str, Any]] = [
    {"name": "name", "type": "text", "required": True},
    {"name": "stage", "type": "select", "options": list(STAGES)},
    {"name": "amount", "type": "number", "settings": {"integer": True}},
    {"name": "close_date", "type": "date"},
    {"name": "score", "type": "rating", "settings": {"max": 5}},
    {"name": "active", "type": "boolean"},
    {"name": "code", "type": "text"},
    {"name": "company", "type": "relation", "settings": {"targets": ["bench_firm"]}},
    {"name": "city", "type": "text", "indexed": False},
    {"name": "notes", "type": "text", "indexed": False},
    {"name": "quantity", "type": "number", "indexed": False, "settings": {"integer": True}},
    {"name": "seen_at", "type": "date_time", "indexed": False},
]


def needle(rng: random.Random, count: int) -> str:
    """A piece of some records' names: the end of a word, a space, the beginning of a number."""
    return f"{rng.choice(WORDS)[-3:]} {rng.randrange(min(count, 10_000)):04}"


def words(rng: random.Random, count: int) -> str:
    """What one types to find a record again: a word of its name and its number's beginning."""
    return f"{rng.choice(WORDS)} {rng.randrange(min(count, 10_000)):04}"


def deep(count: int) -> int:
    """How many records lie before page 200, or before the last page of a stage if it has fewer."""
    return min(199 * 50, count // len(STAGES) * 8 // 10)


def trigrams(text: str) -> list[str]:
    return sorted({text[at : at + 3] for at in range(len(text) - 2)})


def record(rng: random.Random, number: int, firms: list[str]) -> dict[str, Any]:
    return {
        "name": f"{rng.choice(WORDS)} {rng.choice(WORDS)} {number}",
        "stage": rng.choice(STAGES),
        "amount": rng.randrange(1, 5_000_000),
        "close_date": f"202{rng.randrange(10)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
        "score": rng.randrange(1, 6),
        "active": rng.random() < 0.5,
        "code": f"C{number:07d}",
        "company": rng.choice(firms),
        "city": rng.choice(WORDS),
        "notes": " ".join(rng.choices(WORDS, k=8)),
        "quantity": rng.randrange(1000),
        "seen_at": f"2026-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}T08:30:00Z",
    }
