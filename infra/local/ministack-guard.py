"""
Runs ministack and refuses requests from browsers. ministack itself sends "Access-Control-Allow-Origin: *" and creates functions
from the code it receives, so any web page open in a browser on this machine could run commands here.
"""

import json

from ministack import app as ministack

# ASGI headers are bytes, with names in lower case.
HOSTS = (b"127.0.0.1", b"localhost")
OF_BROWSERS = (b"origin", b"sec-fetch-site")

serve = ministack.app


def find_fault(headers):
    """Why a request may come from a browser: a header that only browsers send, or another Host (DNS rebinding)."""
    for name in OF_BROWSERS:
        if name in headers:
            return f"the header {name.decode()} comes from a browser: the emulator refuses browsers"
    host, _, _ = headers.get(b"host", b"").partition(b":")
    if host not in HOSTS:
        return "Host is not 127.0.0.1 or localhost"
    return None


async def guard(scope, receive, send):
    fault = find_fault(dict(scope["headers"])) if scope["type"] in ("http", "websocket") else None
    if fault is None:
        await serve(scope, receive, send)
    elif scope["type"] == "websocket":
        await send({"type": "websocket.close"})
    else:
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps({"message": fault}).encode()})


ministack.app = guard
ministack.main()
