"""Environment variables for Ray Serve: one event loop per replica, and HAProxy's time limits."""

from fashiontrend.config import ServeConfig

#: Seconds for which HAProxy tolerates a silent client, such as one that stops amid a header; Ray's
#: default is an hour.
CLIENT_TIMEOUT_S = 30


def variables(cfg: ServeConfig) -> dict[str, str]:
    """Return the variables that must be set before Ray starts.

    No code of ours blocks an event loop, the model least of all, so requests need no loop of their
    own beside Ray's: passing a request between two loops costs 0.15 ms of CPU.
    """
    always = {"RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0"}
    return always | _haproxy(cfg) if cfg.proxy == "haproxy" else always


def _haproxy(cfg: ServeConfig) -> dict[str, str]:
    """Make HAProxy forward a request only once its body, or the first 16 KiB of it, has arrived.

    So a client that sends a header and nothing else costs a replica nothing. Ray has no setting for
    this, but it writes RETRY_ON verbatim into the section `defaults`; the first line of our value is
    Ray's default.
    """
    within = f"timeout http-request {round(1000 * cfg.body_timeout_s)}ms"
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": str(CLIENT_TIMEOUT_S),
        "RAY_SERVE_HAPROXY_RETRY_ON": f"conn-failure\n    option http-buffer-request\n    {within}",
    }
