"""
Runs ministack for programs alone. It answers every web page that happens to be open in a browser of this machine, with
"Access-Control-Allow-Origin: *", and makes functions of what it is sent: a page could run commands here.
"""

import json

from ministack import app as ministack

# In the bytes that ASGI has, names in lower case.
HOSTS = (b"127.0.0.1", b"localhost")
OF_BROWSERS = (b"origin", b"sec-fetch-site")

serve = ministack.app


def find_fault(headers):
    """What shows that a browser sent it: such a header, or another name for this machine than ours (DNS rebinding)."""
    for name in OF_BROWSERS:
        if name in headers:
            return f"the header {name.decode()} is of a browser: the emulator answers none"
    host, _, _ = headers.get(b"host", b"").partition(b":")
    if host not in HOSTS:
        return "Host is another one than 127.0.0.1 or localhost"
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
