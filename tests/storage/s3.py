"""A strict stand-in for an object store: every request's AWS signature (version 4) is computed again and compared.

Buckets are addressed by path. An object that is there is not written over where the request says so.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote
from xml.sax.saxutils import escape

from aiohttp import web

ACCESS_KEY, SECRET_KEY, REGION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "eu-central-1"


class ObjectStore:
    """Objects by path, and whether the store is up."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.is_up = True
        self.refused: list[str] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        """One request, as S3 answers it."""
        body = await request.read()
        if not self.is_up:
            return web.Response(status=503)
        if not _is_signed(request, body):
            self.refused.append(request.method)
            return web.Response(status=403, text="<Error><Code>SignatureDoesNotMatch</Code></Error>")
        if request.method == "GET" and request.query.get("list-type") == "2":
            return self._list(request)
        if request.method == "GET":
            found = self.objects.get(request.path)
            if found is None:
                return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
            return web.Response(body=found, headers={"ETag": '"1"', "Last-Modified": "Wed, 25 Mar 2026 13:46:11 GMT"})
        if request.method == "PUT":
            if request.headers.get("If-None-Match") == "*" and request.path in self.objects:
                return web.Response(status=412, text="<Error><Code>PreconditionFailed</Code></Error>")
            self.objects[request.path] = body
            return web.Response(headers={"ETag": '"1"'})
        return web.Response(status=405)

    def _list(self, request: web.Request) -> web.Response:
        bucket, prefix = request.path.rstrip("/") + "/", request.query.get("prefix", "")
        keys = sorted(path.removeprefix(bucket) for path in self.objects if path.startswith(bucket + prefix))
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-03-25T13:46:11.000Z</LastModified>"
            f'<ETag>"1"</ETag><Size>{len(self.objects[bucket + key])}</Size></Contents>'
            for key in keys
        )
        text = f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
        return web.Response(text=text, content_type="application/xml")


def _is_signed(request: web.Request, body: bytes) -> bool:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html"""
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    parts = dict(one.strip().split("=", 1) for one in rest.split(",") if "=" in one)
    if scheme != "AWS4-HMAC-SHA256" or not {"Credential", "SignedHeaders", "Signature"} <= set(parts):
        return False
    key_id, day, region, service, end = parts["Credential"].split("/")
    claimed = request.headers.get("x-amz-content-sha256", "")
    if (key_id, region, service, end) != (ACCESS_KEY, REGION, "s3", "aws4_request"):
        return False
    if claimed != hashlib.sha256(body).hexdigest():
        return False
    names = parts["SignedHeaders"].split(";")
    if not {"host", "x-amz-content-sha256", "x-amz-date"} <= set(names):
        return False
    query = "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in sorted(request.query.items()))
    headers = "".join(f"{name}:{' '.join(request.headers[name].split())}\n" for name in names)
    path = request.raw_path.partition("?")[0]
    canonical = "\n".join((request.method, path, query, headers, ";".join(names), claimed))
    scope = f"{day}/{region}/{service}/{end}"
    to_sign = "\n".join(
        ("AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest())
    )
    key = b"AWS4" + SECRET_KEY.encode()
    for part in (day, region, service, end):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, to_sign.encode(), "sha256").hex(), parts["Signature"])


@asynccontextmanager
async def object_store() -> AsyncIterator[ObjectStore]:
    """One that listens on a free port of the loopback interface."""
    store = ObjectStore()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", store.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    store.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield store
    finally:
        await runner.cleanup()
