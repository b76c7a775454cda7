"""A loopback site of many hosts that counts the requests over its cap."""

import asyncio
import threading
from collections import Counter, defaultdict


class Site:
    """Hosts with as many PDFs each, all different. Hosts are addresses of loopback, which is why it runs on Linux only."""

    def __init__(self, hosts, documents, cap, hold):
        self.cap, self.hold = cap, hold
        self.active = Counter()
        self.over = self.served = 0
        self.askers = defaultdict(set)  # by host, the values of the header `Shard`
        addresses = [f"127.0.{1 + n // 200}.{1 + n % 200}" for n in range(hosts)]
        self.loop = asyncio.new_event_loop()
        serve = self.loop.create_server(lambda: Connection(self), addresses[0], 0, backlog=1000)
        port = self.loop.run_until_complete(serve).sockets[0].getsockname()[1]
        serve = self.loop.create_server(lambda: Connection(self), addresses[1:], port, backlog=1000)
        self.loop.run_until_complete(serve)
        # neighbours in the list are of different hosts
        self.links = [f"http://{host}:{port}/{host}-{n}.pdf" for n in range(documents) for host in addresses]
        threading.Thread(target=self.loop.run_forever, daemon=True).start()


def document(path):
    """A small PDF with its own path."""
    return f"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\n% {path}\nstartxref\n9\n%%EOF\n".encode()


class Connection(asyncio.Protocol):
    """Requests one after the other, each answered after the same time."""

    def __init__(self, site):
        self.site, self.received, self.answer = site, b"", None

    def connection_made(self, transport):
        self.transport, self.host = transport, transport.get_extra_info("sockname")[0]

    def data_received(self, data):
        self.received += data
        if not self.received.endswith(b"\r\n\r\n"):
            return
        head, self.received = self.received.decode(), b""
        self.site.active[self.host] += 1
        self.site.over += self.site.active[self.host] > self.site.cap
        shards = [line[7:] for line in head.splitlines() if line.lower().startswith("shard: ")]
        self.site.askers[self.host].update(shards)
        self.answer = self.site.loop.call_later(self.site.hold, self.respond, head.split(" ")[1])

    def respond(self, path):
        self.end()
        self.site.served += 1
        body = document(path)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)

    def connection_lost(self, _):
        if self.answer:
            self.answer.cancel()
            self.end()

    def end(self):
        self.answer = None
        self.site.active[self.host] -= 1
