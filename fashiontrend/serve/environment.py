"""What Ray Serve is told by the environment: one thread for a replica's requests, patience before it."""

from fashiontrend.config import ServeConfig

#: How long HAProxy lets a client be silent, half a header for example; Ray's own value is an hour.
CLIENT_TIMEOUT_S = 30


def variables(cfg: ServeConfig) -> dict[str, str]:
    """Variables that have to stand before Ray starts.

    Nothing of ours blocks an event loop, the model least of all, so requests need no loop of their
    own beside Ray's: messages between two cost 0.15 ms of CPU each time.
    """
    told = {"RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0"}
    return told | _haproxy(cfg) if cfg.proxy == "haproxy" else told


def _haproxy(cfg: ServeConfig) -> dict[str, str]:
    """HAProxy passes a request on once its body is there, or the first 16 KiB of it.

    A client that sends a header and then nothing costs a replica nothing. Ray has no setting for
    that; it writes RETRY_ON, whose first line here is its default, into the section `defaults` as
    it stands.
    """
    within = f"timeout http-request {round(1000 * cfg.body_timeout_s)}ms"
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": str(CLIENT_TIMEOUT_S),
        "RAY_SERVE_HAPROXY_RETRY_ON": f"conn-failure\n    option http-buffer-request\n    {within}",
    }
