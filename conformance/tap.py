"""What really goes over the wire to vendord: a witness that neither vendord nor the
client can influence. It reads the loopback link of the cell's network namespace, so
it sees what vendord does not count (the metadata service's tokens and listings), and
what never got to it."""

import dataclasses
import ipaddress
import socket
import struct
import threading
import time
import urllib.error
import urllib.request

ALL_PROTOCOLS, OUTGOING = 0x0003, 4  # ETH_P_ALL and PACKET_OUTGOING: on loopback each packet is seen going and coming


@dataclasses.dataclass
class Request:
    method: str
    path: str
    status: int = 0

    def kind(self):
        """What it is for, as people would count it."""
        base, extended = "/latest/meta-data/iam/security-credentials", "-extended"
        if self.method == "PUT":
            return "PUT"
        if not self.path.startswith(base):
            return self.method if "/credentials" in self.path else f"{self.method} {self.path}"
        rest = self.path.removeprefix(base)
        word = "listing" if rest.removeprefix(extended) in ("", "/") else "document"
        return word + (" (extended)" if rest.startswith(extended) else "")


class Tap:
    def __init__(self, addresses):
        self.addresses = {(ipaddress.ip_address(host).packed, port) for host, port in addresses}
        self.requests, self.waiting = [], {}
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE: nothing is to be missed
        self.socket.bind(("lo", ALL_PROTOCOLS))
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while True:
            packet, (_, _, kind, *_) = self.socket.recvfrom(1 << 17)
            if kind == OUTGOING:
                self.look(packet[14:])

    def look(self, packet):
        if packet[0] >> 4 == 4:
            protocol, header = packet[9], (packet[0] & 15) * 4
            source, destination = packet[12:16], packet[16:20]
        else:
            protocol, header, source, destination = packet[6], 40, packet[8:24], packet[24:40]
        if protocol != socket.IPPROTO_TCP:
            return
        segment = packet[header:]
        here, there = struct.unpack("!HH", segment[:4])
        text = segment[(segment[12] >> 4) * 4:]
        if (destination, there) in self.addresses:
            words = text.split(b"\r\n")[0].decode("latin-1").split(" ")
            if len(words) == 3 and words[2].startswith("HTTP/1."):
                request = Request(words[0], words[1])
                self.requests.append(request)
                self.waiting[source, here] = request
        elif (source, here) in self.addresses and text.startswith(b"HTTP/1."):
            if request := self.waiting.pop((destination, there), None):
                request.status = int(text[9:12])

    def seen(self, url):
        """What was asked until now. A request of our own marks its end: packets are seen in order."""
        mark = f"/mark-{time.monotonic_ns()}"
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url + mark, timeout=5).close()
        except urllib.error.HTTPError as refused:
            refused.close()
        end = time.monotonic() + 10
        while not any(r.path == mark and r.status for r in self.requests):
            if time.monotonic() > end:
                raise AssertionError("the tap does not see what is asked: this shows nothing")
            time.sleep(0.01)
        return [r for r in self.requests if "/mark-" not in r.path]
