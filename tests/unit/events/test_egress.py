"""Where nothing is ever sent, and how webhooks are signed."""

import ipaddress
import sys
import time

import pytest
from cryptography.exceptions import InvalidTag
from standardwebhooks import Webhook, WebhookVerificationError

from kit import webhooks
from kit.egress import Egress, header_problem, is_public
from kit.errors import InvalidArgument

REFUSED = [
    "ftp://example.com/",
    "https://",
    "https:///path",
    "//example.com",
    "example.com",
    "http://example.com/",
    "https://user@example.com/",
    "https://user:pass@example.com/",
    "https://example.com@10.0.0.1/",
    "https://example.com:8443/",
    "https://example.com:22/",
    "https://example.com:99999/",
    "https://example.com/#x",
    "https://exa mple.com/",
    "https://example.com/\r\nHost: x",
    "https://example.com/\n",
    "https://example.com\\@10.0.0.1/",
    "https://localhost/",
    "https://a.localhost/",
    "https://127.0.0.1/",
    "https://10.1.2.3/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://100.64.0.1/",
    "https://0.0.0.0/",
    "https://255.255.255.255/",
    "https://224.0.0.1/",
    "https://198.18.0.1/",
    "https://192.0.2.1/",
    "https://[::]/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:a00:1]/",
    "https://[::7f00:1]/",
    "https://[64:ff9b::10.0.0.1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b:1::1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:1::1]/",
    "https://[fc00::1]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[ff02::1]/",
    "https://[fec0::1]/",
    "https://[2001:db8::1]/",
    "https://example.com/" + "x" * 2100,
]


@pytest.fixture
async def strict() -> Egress:
    return Egress(allow_loopback=False)


@pytest.mark.parametrize("url", REFUSED)
async def test_a_trick_is_refused(strict: Egress, url: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        strict.check_url(url)
    assert caught.value.violations[0].code == "URL_REFUSED"


@pytest.mark.parametrize(
    "url",
    ["https://2130706433/", "https://0x7f.1/", "https://0177.0.0.1/", "https://127.1/"],
)
async def test_other_spellings_of_loopback_are_refused_once_resolved(
    strict: Egress, url: str
) -> None:
    with pytest.raises(InvalidArgument):
        await strict.check_destination(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hook?a=b",
        "https://example.com:443/",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
        "https://[64:ff9b::808:808]/",
    ],
)
async def test_the_internet_is_allowed(strict: Egress, url: str) -> None:
    strict.check_url(url)


async def test_a_setting_opens_this_machine_and_nothing_else() -> None:
    lenient = Egress(allow_loopback=True)
    for url in ("http://127.0.0.1:9999/", "http://localhost:8080/x", "http://[::1]:81/"):
        lenient.check_url(url)
    for url in ("http://10.0.0.1/", "https://169.254.169.254/", "https://example.com:8443/"):
        with pytest.raises(InvalidArgument):
            lenient.check_url(url)


def test_addresses_that_only_look_public() -> None:
    assert not is_public(ipaddress.ip_address("192.88.99.1"))
    assert not is_public(ipaddress.ip_address("240.0.0.1"))
    assert is_public(ipaddress.ip_address("1.1.1.1"))


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("X-Team", "sales", True),
        ("Authorization", "Bearer abc", True),
        ("Host", "other", False),
        ("content-length", "3", False),
        ("Webhook-Signature", "v1,x", False),
        ("X-Armature-Actor", "{}", False),
        ("traceparent", "00-", False),
        ("X A", "b", False),
        ("X-A", "b\r\nX-B: c", False),
        ("X-A", "b\nX-B: c", False),
        ("X-A", "é", False),
        ("X-A", " b", False),
        ("X-A\n", "b", False),
        ("X-A", "b\n", False),
        ("", "b", False),
    ],
)
def test_headers_of_users(name: str, value: str, allowed: bool) -> None:
    assert (header_problem(name, value) == "") is allowed


def test_signatures_verify_with_every_secret_and_no_other() -> None:
    old, new = webhooks.new_secret(), webhooks.new_secret()
    body = '{"type":"x","data":{"name":"Zoë"}}'.encode()
    sent = webhooks.headers([new, old], "id", int(time.time()), body)
    for secret in (old, new):
        Webhook(secret).verify(body, sent)
    with pytest.raises(WebhookVerificationError):
        Webhook(webhooks.new_secret()).verify(body, sent)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(body + b" ", sent)


def test_a_sealed_secret_opens_only_where_it_belongs() -> None:
    sealer, secret = webhooks.Sealer("platform"), webhooks.new_secret()
    sealed = sealer.seal(secret, "a")
    assert sealer.open(sealed, "a") == secret
    assert secret.encode() not in sealed
    with pytest.raises(InvalidTag):
        sealer.open(sealed, "b")
    with pytest.raises(InvalidTag):
        webhooks.Sealer("other").open(sealed, "a")


def test_what_is_missing_is_not_searched_for_with_every_request() -> None:
    assert "sniffio" in sys.modules, "found, or known to be missing"
