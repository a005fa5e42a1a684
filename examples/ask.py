"""Sends a text, finds it and prints what was found: LIMNER_URL=... LIMNER_KEY=... python3 examples/ask.py"""

import json
import os
import urllib.request

ADDRESS = os.environ.get("LIMNER_URL", "http://127.0.0.1:8400")
KEY = os.environ.get("LIMNER_KEY")


def call(path, body):
    headers = {"content-type": "application/json"}
    if KEY:
        headers["authorization"] = f"Bearer {KEY}"
    request = urllib.request.Request(ADDRESS + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


call("/api/documents", {"text": "The heron stands in the reeds.", "external_id": "example"})
print(json.dumps(call("/api/search", {"query": "heron"})))
