"""Make the demo's data set: the same companies, people and opportunities at every run."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

SEED = 20_261_120
COMPANIES, PEOPLE, OPPORTUNITIES = 2_000, 5_000, 5_000

_FIRST = (
    "Ada Alan Amara Ana Anders Aoife Björn Chen Chloé Dara Diego Elif Emre Fatima Felix Freya"
    " Grace Hana Ingrid Ivan Jamal Jing José Kaito Kofi Lars Leila Lucía Magnus Maya Mei Milan"
    " Nadia Noor Oskar Priya Quinn Rafael Rosa Sana Sören Tariq Uma Viktor Wei Ximena Yara Zoë"
).split()
_LAST = (
    "Abara Almeida Andersson Bauer Becker Castillo Chen Costa Dubois Eriksen Fischer García"
    " Haddad Hansen Ito Jensen Kaya Khan Kim Kowalski Larsen Lefèvre López Mahmoud Martin Mbeki"
    " Moreau Müller Nakamura Nguyen Novák Okafor Olsen Patel Pérez Petrov Rossi Sato Schmidt Silva"
    " Singh Sokolov Suzuki Tanaka Varga Wang Weber Yilmaz Zhang"
).split()
_NAME_A = (
    "Amber Apex Atlas Aurora Beacon Bright Cedar Clear Cobalt Copper Crest Delta Echo Ember"
    " Evergreen Falcon Fjord Granite Harbor Helix Indigo Iron Juniper Keystone Lumen Maple"
    " Meridian Mistral North Nova Oak Onyx Orchid Pine Polar Quarry Ridge River Saffron Silver"
    " Slate Solstice Summit Tidal Umbra Vector Verdant Willow Zephyr"
).split()
_NAME_B = (
    "Analytics Bakery Biotech Capital Cloud Components Consulting Dynamics Energy Engineering"
    " Farms Foods Freight Health Hotels Industries Instruments Labs Logistics Materials Media"
    " Mobility Networks Optics Partners Pharma Power Retail Robotics Security Software Solar"
    " Studios Systems Textiles Travel Ventures Works"
).split()
_INDUSTRIES = ("software", "manufacturing", "finance", "healthcare", "retail", "other")
_CITIES = (
    "Amsterdam Berlin Chicago Dublin Lagos Lisbon London Madrid Melbourne Montréal München"
    " Nairobi Oslo Paris Prague São_Paulo Seoul Singapore Stockholm Tokyo Toronto Vienna Warsaw"
    " Zürich"
).split()
_TITLES = (
    "Head of Sales|CTO|Buyer|Operations Manager|CEO|Account Manager|Engineer|Finance Director|"
    "Procurement Lead|Product Manager"
).split("|")
_DEALS = (
    "renewal|pilot|expansion|migration|licences|support plan|rollout|training|audit|integration"
).split("|")
_STAGES = ("new", "qualified", "proposal", "negotiation", "won", "lost")
_WEIGHTS = (24, 22, 18, 12, 14, 10)
_CURRENCIES = ("EUR", "USD", "GBP")

Record = dict[str, Any]


def companies(rng: random.Random) -> Iterator[Record]:
    for n in range(COMPANIES):
        name = f"{rng.choice(_NAME_A)} {rng.choice(_NAME_B)}"
        slug = f"{name.lower().replace(' ', '-')}-{n}"
        yield {
            "name": f"{name} {n:04d}",
            "domain": f"https://{slug}.example",
            "industry": rng.choice(_INDUSTRIES),
            "employees": int(10 ** rng.uniform(0.5, 4.5)),
            "annual_revenue": _money(rng, 5.0, 9.0),
            "address": {"city": rng.choice(_CITIES).replace("_", " ")},
        }


def people(rng: random.Random, company_ids: list[str]) -> Iterator[Record]:
    for n in range(PEOPLE):
        first, last = rng.choice(_FIRST), rng.choice(_LAST)
        yield {
            "name": {"first_name": first, "last_name": last},
            "emails": f"person{n}@mail{n % 97}.example",
            "job_title": rng.choice(_TITLES),
            "city": rng.choice(_CITIES).replace("_", " "),
            "company": rng.choice(company_ids),
        }


def opportunities(
    rng: random.Random, company_ids: list[str], person_ids: list[str], today: date
) -> Iterator[Record]:
    for n in range(OPPORTUNITIES):
        stage = rng.choices(_STAGES, _WEIGHTS)[0]
        past = stage in {"won", "lost"}
        days = -rng.randrange(1, 300) if past else rng.randrange(0, 180)
        yield {
            "name": f"{rng.choice(_NAME_A)} {rng.choice(_DEALS)} #{n}",
            "stage": stage,
            "amount": _money(rng, 3.0, 5.7),
            "close_date": (today + timedelta(days=days)).isoformat(),
            "company": rng.choice(company_ids),
            "point_of_contact": rng.choice(person_ids),
        }


def _money(rng: random.Random, low: float, high: float) -> Record:
    amount = round(10 ** rng.uniform(low, high), -1)
    return {
        "amount_micros": int(amount) * 1_000_000,
        "currency_code": rng.choice(_CURRENCIES),
    }
