"""Before an install: a namespace that no KubeRay operator watches is refused, by a RayCluster without pods."""

import kubernetes
import pytest
import yaml

from fashiontrend.errors import ConfigError, StoreError
from fashiontrend.submit import pre_install
from fashiontrend.submit.kube import KubeClient
from tests.deploy.conftest import one, run, template, tool


class Api:
    """An API server whose operator writes a status at the given look, or never."""

    def __init__(self, looks=None, refuses=None):
        self.looks, self.refuses, self.calls = looks, refuses, []

    def create_namespaced_custom_object(self, *place, **_):
        self.calls.append("create")
        if self.refuses:
            raise kubernetes.client.ApiException(status=self.refuses, reason="no")

    def get_namespaced_custom_object(self, *_, **__):
        self.calls.append("get")
        looked = self.calls.count("get")
        there = self.looks is not None and looked >= self.looks
        return {"status": {"state": "suspended"}} if there else {}

    def delete_namespaced_custom_object(self, *_, **__):
        self.calls.append("delete")
        raise kubernetes.client.ApiException(status=404, reason="gone")


@pytest.fixture(autouse=True)
def no_sleep(monkeypatch):
    monkeypatch.setattr(pre_install.time, "sleep", lambda _: None)


def ask(api, **options):
    return pre_install.ask_operator("ft-watched", KubeClient("tenant-b", api, api, api), **options)


def test_an_operator_that_writes_a_status_watches_the_namespace():
    api = Api(looks=3)
    ask(api)
    assert api.calls == ["delete", "create", "get", "get", "get", "delete"]


def test_a_namespace_that_nobody_watches_is_refused_with_what_to_do_and_nothing_is_left():
    """Seen: a second namespace looked installed and never started."""
    api = Api()
    with pytest.raises(
        ConfigError, match="no KubeRay operator watches namespace tenant-b"
    ) as caught:
        ask(api, wait_s=-1.0)
    assert "watchNamespace" in str(caught.value)
    assert api.calls[-1] == "delete"


def test_a_refusal_of_the_api_server_is_reported_as_such():
    with pytest.raises(StoreError, match="403"):
        ask(Api(refuses=403))


@pytest.mark.deploy
def test_the_suspended_cluster_is_a_valid_one(conform_crds, tmp_path):
    text = yaml.safe_dump(pre_install.suspended_cluster("ft-watched"))
    assert conform_crds(text) == ""


@pytest.fixture
def conform_crds(tmp_path):
    """What kubeconform says against KubeRay's CRD; empty if nothing."""
    from tests.deploy.conftest import CACHE

    if not (CACHE / "schemas" / "crds").exists():
        pytest.skip("no schemas: `make check-deploy` makes them")

    def call(text):
        place = f"-schema-location={CACHE}/schemas/crds/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"
        return run(tool("kubeconform"), "-strict", place, "-", text=text).stdout

    return call


@pytest.mark.deploy
def test_the_hook_may_touch_its_own_cluster_only_and_comes_before_an_upgrade_too(render):
    found = [i for i in render() if i["metadata"]["name"] == "ft-fashiontrend-watched"]
    assert {i["kind"] for i in found} == {"ServiceAccount", "Role", "RoleBinding", "Job"}
    hooks = {i["metadata"]["annotations"]["helm.sh/hook"] for i in found}
    assert hooks == {"pre-install,pre-upgrade"}
    create, own = one(found, "Role", "ft-fashiontrend-watched")["rules"]
    assert create["verbs"] == ["create"]
    assert own["resourceNames"] == ["ft-fashiontrend-watched"]


@pytest.mark.deploy
@pytest.mark.parametrize(
    "options", [("--set=preflight.enabled=false",), ("--set=crds.onMissing=skip",)]
)
def test_there_is_no_hook_where_nothing_of_ray_is_made_or_the_preflight_is_off(options):
    apis = () if "skip" in options[0] else ("ray.io/v1",)
    done = template(*options, apis=apis)
    assert done.returncode == 0, done.stderr
    assert "-watched" not in done.stdout
