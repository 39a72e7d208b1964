"""What Ray's HAProxy is told by the environment: who is silent or slow stays there, before any replica."""

from fashiontrend.config import ServeConfig

#: How long HAProxy lets a client be silent, half a header for example; Ray's own value is an hour.
CLIENT_TIMEOUT_S = 30


def environment(cfg: ServeConfig) -> dict[str, str]:
    """Variables that have to stand before Ray starts.

    HAProxy passes a request on once its body is there, or the first 16 KiB of it, so a client that
    sends a header and then nothing costs a replica nothing. Ray has no setting for that; it writes
    RETRY_ON, whose first line here is its default, into the section `defaults` as it stands.
    """
    within = f"timeout http-request {round(1000 * cfg.body_timeout_s)}ms"
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": str(CLIENT_TIMEOUT_S),
        "RAY_SERVE_HAPROXY_RETRY_ON": f"conn-failure\n    option http-buffer-request\n    {within}",
    }
