"""Render the API as one HTML page that needs nothing but itself and this gateway."""

from collections.abc import Sequence
from html import escape
from itertools import groupby

import orjson

from gateway.routing import Route

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Armature API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
body{color:#1a1a1a}
h2{margin-top:2.5rem;border-bottom:1px solid #ddd}details{margin:.3rem 0}
summary{cursor:pointer}code,pre{font-family:ui-monospace,monospace;font-size:.9rem}
pre{background:#f5f5f3;padding:.7rem;overflow:auto}b.m{display:inline-block;width:4.5rem;color:#045}
input{font:inherit;width:24rem;max-width:100%}
@media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}pre{background:#222}b.m{color:#7bd}}
</style></head><body><h1>Armature API</h1>
<p>Send <code>Authorization: Bearer &lt;API key&gt;</code>. Errors are problem documents
(RFC 9457). The machine-readable form is <a href="/v1/openapi.json">/v1/openapi.json</a>; with your
key it holds your workspace's own objects as well.</p>
<p><input id="key" type="password" placeholder="API key: show my objects" autocomplete="off">
<button id="load">Load</button> <span id="said"></span></p><div id="own"></div>
"""
_SCRIPT = """<script>
const own=document.getElementById("own"),said=document.getElementById("said");
document.getElementById("load").onclick=async()=>{
 own.textContent="";said.textContent="";
 const key=document.getElementById("key").value;
 const answer=await fetch("/v1/openapi.json",{headers:{authorization:"Bearer "+key}});
 const found=await answer.json();
 if(!answer.ok){said.textContent=found.detail||answer.status;return}
 for(const [name,schema] of Object.entries(found.components.schemas)){
  if(!name.endsWith("ObjectFields"))continue;
  const box=document.createElement("details"),head=document.createElement("summary"),
   body=document.createElement("pre");
  head.textContent=name.replace("ObjectFields","");
  body.textContent=JSON.stringify(schema.properties,null,2);
  box.append(head,body);own.append(box)}
 said.textContent="version "+found.info.version};
</script></body></html>
"""


def page(routes: Sequence[Route]) -> bytes:
    """The page, from the same routes that the document is made from."""
    parts = [_HEAD]
    for tag, group in groupby(routes, key=lambda route: route.tag):
        parts.append(f"<h2>{escape(tag.capitalize())}</h2>")
        parts += [_entry(route) for route in group]
    return "".join([*parts, _SCRIPT]).encode()


def _entry(route: Route) -> str:
    lines = [f"<p>{escape(route.summary)}</p>"]
    if route.query:
        names = ", ".join(f"<code>{escape(p.name)}</code>" for p in route.query)
        lines.append(f"<p>Query: {names}</p>")
    if route.example is not None:
        shown = orjson.dumps(route.example, option=orjson.OPT_INDENT_2).decode()
        lines.append(f"<pre>{escape(shown)}</pre>")
    if route.rpc:
        lines.append(f"<p>gRPC: <code>{escape(route.rpc)}</code></p>")
    head = f'<b class="m">{escape(route.method)}</b> <code>{escape(route.path)}</code>'
    return f"<details><summary>{head}</summary>{''.join(lines)}</details>"
