"""Before an uninstall: the RayService goes first, and its clusters are waited for."""

import kubernetes
import pytest

from fashiontrend.errors import StoreError
from fashiontrend.submit import pre_uninstall


@pytest.fixture
def cluster(monkeypatch):
    """An API server whose clusters go one look at a time; sleeping is counted, not done."""

    class Cluster:
        def __init__(self):
            self.left, self.deleted, self.slept, self.status = 2, [], 0, None

        def delete_namespaced_custom_object(self, group, version, namespace, plural, name, **_):
            self.deleted.append((namespace, plural, name))
            if self.status:
                raise kubernetes.client.ApiException(status=self.status, reason="no")

        def list_namespaced_custom_object(self, *_, label_selector, **__):
            assert label_selector == "ray.io/originated-from-cr-name=ft"
            self.left -= 1
            return {"items": [{"metadata": {"name": "ft-1"}}] * max(self.left, 0)}

        def sleep(self, _):
            self.slept += 1

    one = Cluster()
    monkeypatch.setattr(pre_uninstall, "connect", lambda: None)
    monkeypatch.setattr(kubernetes.client, "CustomObjectsApi", lambda client: one)
    monkeypatch.setattr(pre_uninstall.time, "sleep", one.sleep)
    return one


def test_the_service_is_deleted_and_its_clusters_waited_for(cluster):
    pre_uninstall.retire("ft", "trends")
    assert cluster.deleted == [("trends", "rayservices", "ft")]
    assert cluster.slept == 1


def test_a_service_that_is_gone_already_is_no_error(cluster):
    cluster.status = 404
    pre_uninstall.retire("ft", "trends")


def test_a_refusal_is_told(cluster):
    cluster.status = 403
    with pytest.raises(StoreError, match="403"):
        pre_uninstall.retire("ft", "trends")


def test_a_cluster_that_stays_is_named(cluster):
    cluster.left = 10**6
    with pytest.raises(StoreError, match="ft-1: still there"):
        pre_uninstall.retire("ft", "trends", wait_s=-1.0)
