"""What the one guard lets through, by the text of a host and by the addresses that it means."""

import asyncio
import ipaddress

import pytest

from fashiontrend.addresses import AddressGuard, AddressRefused, Origin, SystemResolver, lies_inside
from fashiontrend.addresses.guard import literal, origin_of

PUBLIC = "93.184.216.34"


def lets(guard, host, port, *found):
    try:
        guard.check_text(host, port)
        return guard.check(host, port, found) == list(found)
    except AddressRefused:
        return False


@pytest.mark.parametrize(
    "text",
    ["127.1", "0177.0.0.1", "0x7f000001", "2130706433", "017700000001", "0X7F.1", "127.0.0.1."],
)
def test_digits_in_any_base_are_an_address(text):
    assert str(literal(text)) == "127.0.0.1"


@pytest.mark.parametrize("text", ["shop.example", "1.shop", "0x", "256.0.0.1", "1.2.3.4.5", "a"])
def test_what_is_no_number_is_a_name(text):
    assert literal(text) is None


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "[fd00::1]", "localhost", "shops", "shops.default.svc", "x.internal"]
)
def test_a_host_says_itself_that_it_lies_inside(host):
    assert lies_inside(host)
    assert not lies_inside("shop.example")


def test_without_own_addresses_only_public_ones_are_asked():
    guard = AddressGuard()
    assert lets(guard, "shop.example", 80, PUBLIC)
    assert not lets(guard, "shop.example", 80, PUBLIC, "10.0.0.1")
    assert not lets(guard, "shop.example", 80)
    assert not lets(guard, "localhost", 80, PUBLIC)


def test_an_address_of_the_operator_is_asked_at_its_port_only():
    guard = AddressGuard(own=(Origin("10.0.0.5", 8000),))
    assert lets(guard, "10.0.0.5", 8000, "10.0.0.5")
    assert not lets(guard, "10.0.0.5", 6379, "10.0.0.5")
    assert not lets(guard, "10.0.0.6", 8000, "10.0.0.6")


def test_a_name_of_the_operator_means_inner_addresses_but_none_where_clouds_keep_secrets():
    guard = AddressGuard(own=(Origin("shops", 80),))
    assert lets(guard, "shops", 80, "10.0.0.5")
    assert not lets(guard, "shops", 80, "169.254.169.254")
    assert not lets(guard, "shops", 443, "10.0.0.5")
    assert not lets(guard, "other", 80, "10.0.0.5")


def test_localhost_may_be_spelled_by_its_address():
    guard = AddressGuard(own=(Origin("localhost", 8000),))
    assert lets(guard, "127.0.0.1", 8000, "127.0.0.1")
    assert not lets(guard, "127.0.0.1", 8001, "127.0.0.1")


def test_an_allowed_network_is_let_through_by_name_and_by_address():
    guard = AddressGuard((ipaddress.ip_network("10.0.0.0/24"),))
    assert lets(guard, "shop.corp", 80, "10.0.0.5")
    assert lets(guard, "10.0.0.5", 80, "10.0.0.5")
    assert not lets(guard, "shop.corp", 80, "10.0.1.5")


def test_an_origin_has_the_port_of_its_scheme():
    assert origin_of("https://Shop.Example./a") == Origin("shop.example", 443)
    with pytest.raises(ValueError, match="no host"):
        origin_of("http:///a")


def test_numbers_are_read_without_asking_anybody():
    async def all_of_them():
        resolver = SystemResolver()
        return [await resolver(h, 80) for h in ("0x7f.1", "[::1]", "2130706433")]

    assert asyncio.run(all_of_them()) == [["127.0.0.1"], ["::1"], ["127.0.0.1"]]
