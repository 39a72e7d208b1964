"""Before an uninstall: the RayService goes first, and its clusters are waited for."""

import kubernetes
import pytest

from fashiontrend.errors import StoreError
from fashiontrend.submit import pre_uninstall
from fashiontrend.submit.kube import KubeClient


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
    monkeypatch.setattr(pre_uninstall.time, "sleep", one.sleep)
    return one


def delete(cluster, **options):
    client = KubeClient("trends", cluster, cluster, cluster)
    pre_uninstall.delete_service("ft", client, **options)


def test_the_service_is_deleted_and_its_clusters_waited_for(cluster):
    delete(cluster)
    assert cluster.deleted == [("trends", "rayservices", "ft")]
    assert cluster.slept == 1


def test_a_service_that_is_gone_already_is_no_error(cluster):
    cluster.status = 404
    delete(cluster)


def test_a_refusal_is_reported(cluster):
    cluster.status = 403
    with pytest.raises(StoreError, match="403"):
        delete(cluster)


def test_a_cluster_that_stays_is_named(cluster):
    cluster.left = 10**6
    with pytest.raises(StoreError, match="ft-1: still there"):
        delete(cluster, wait_s=-1.0)
