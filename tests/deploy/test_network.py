"""Who may reach whom, worked out from the policies of the rendered chart: a golden matrix."""

import pytest

from tests.deploy.conftest import one, pods  # noqa: F401 - pods is the list that the matrix covers

pytestmark = pytest.mark.deploy
N = "ft-fashiontrend"
ROLES = {
    "batch-head": ("store", "shops", "api-server"),
    "batch-worker": ("store",),
    "serving-head": ("store", "redis", "api-server"),
    "serving-worker": ("store",),
    "submitter": (),
    "schedule": ("api-server",),
    "exporter": ("store",),
    "redis": (),
    "test": (),
}
PORTS = (6379, 8000, 8080, 8265, 9464, 10001)
#: (from, to): ports, for pods of the release; every other pair and port is closed.
GOLDEN = {
    **{
        (f"{role}-{a}", f"{role}-{b}"): set(PORTS)
        for role in ("batch", "serving")
        for a in ("head", "worker")
        for b in ("head", "worker")
    },
    ("submitter", "batch-head"): {8265},
    ("serving-head", "redis"): {6379},
    ("test", "serving-worker"): {8000},
    ("test", "exporter"): {9464},
}


def labels(role):
    known = {"app.kubernetes.io/instance": "ft", "app.kubernetes.io/component": role}
    return known | {f"fashiontrend.io/reaches-{r}": "true" for r in ROLES[role]}


def selects(selector, have):
    if not selector.get("matchLabels", {}).items() <= have.items():
        return False
    return all(
        have.get(e["key"]) in e["values"] and e["operator"] == "In"
        for e in selector.get("matchExpressions", [])
    )


def lets(policies, direction, ours, other, port):
    """Whether one side of a connection is allowed by the policies that select the pod."""
    for policy in policies:
        spec = policy["spec"]
        if not selects(spec["podSelector"], ours):
            continue
        for rule in spec.get("ingress" if direction == "from" else "egress", []):
            if rule.get("ports") and port not in {p["port"] for p in rule["ports"]}:
                continue
            peers = [p for p in rule[direction] if "namespaceSelector" not in p]
            if any(selects(p["podSelector"], other) for p in peers if "podSelector" in p):
                return True
    return False


@pytest.fixture(scope="module")
def policies():
    from tests.deploy.conftest import objects, rendered

    found = objects(rendered("external-s3"))
    return [i for i in found if i["kind"] == "NetworkPolicy"]


def test_pods_of_the_release_reach_one_another_only_as_the_matrix_says(policies):
    inside = [p for p in policies if p["metadata"]["name"] != f"{N}-clients"]
    clients = one(policies, "NetworkPolicy", f"{N}-clients")
    clients["spec"]["ingress"][0]["from"] = [
        p for p in clients["spec"]["ingress"][0]["from"] if p["podSelector"]
    ]
    everything = [*inside, clients]
    seen = {}
    for a in ROLES:
        for b in ROLES:
            both = {
                port
                for port in PORTS
                if lets(everything, "to", labels(a), labels(b), port)
                and lets(everything, "from", labels(b), labels(a), port)
            }
            if both:
                seen[a, b] = both
    assert seen == GOLDEN


def test_every_pod_is_denied_by_default_in_both_directions(policies):
    deny = one(policies, "NetworkPolicy", f"{N}-default-deny")["spec"]
    assert deny["podSelector"] == {"matchLabels": {"app.kubernetes.io/instance": "ft"}}
    assert set(deny["policyTypes"]) == {"Ingress", "Egress"}
    assert "ingress" not in deny
    assert [p["port"] for p in deny["egress"][0]["ports"]] == [53, 53]


@pytest.mark.parametrize("name", ["store", "shops", "api-server"])
def test_the_metadata_address_of_a_cloud_is_never_among_the_defaults(name, render):
    policy = one(render(), "NetworkPolicy", f"{N}-reaches-{name}")["spec"]
    for rule in policy["egress"]:
        for peer in rule["to"]:
            assert "169.254.0.0/16" in peer["ipBlock"]["except"]


def test_only_batch_heads_reach_shops(policies):
    reach = one(policies, "NetworkPolicy", f"{N}-reaches-shops")["spec"]["podSelector"]
    assert [r for r in ROLES if selects(reach, labels(r))] == ["batch-head"]


def test_only_prometheus_and_the_operator_come_from_other_namespaces(policies):
    seen = set()
    for policy in policies:
        for rule in policy["spec"].get("ingress", []):
            for peer in rule["from"]:
                if "namespaceSelector" in peer:
                    space = peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
                    seen |= {(space, p["port"]) for p in rule["ports"]}
    assert seen == {
        ("kuberay-system", 8265),
        ("kuberay-system", 8000),
        ("monitoring", 8080),
        ("monitoring", 44217),
        ("monitoring", 44227),
        ("monitoring", 9464),
    }


def test_policies_can_be_left_to_the_administrator(render):
    found = render(**{"networkPolicy.enabled": False})
    assert "NetworkPolicy" not in {i["kind"] for i in found}
