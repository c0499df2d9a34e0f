"""An authoritative server of one zone on a loopback port, UDP and TCP, which misbehaves as told.

    dns_server.py PORT ZONE FILE BEHAVIOUR

BEHAVIOUR: ok, lame (AA 0), refused, servfail, silent, slow=SECONDS, truncate (UDP answers carry TC and nothing else),
cut (TC over TCP too), wrong-id, wrong-question, no-response-bit, spoofed-first (a forged answer before the right one),
extended=TEXT (every answer carries the extended error 6 with that text),
negative-ttl=SECONDS (denials carry the SOA with that TTL), ttl=SECONDS (every answer has that TTL, as on the wire).

The name ready.invalid is always answered: that is how the tests see that it runs.
"""

import socket
import struct
import sys
import threading
import time

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone

port, zone_name, path, behaviour = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
kind, _, value = behaviour.partition("=")
zone = dns.zone.from_file(path, origin=zone_name, relativize=False, check_origin=False)


def rrset(name, rdatatype):
    rdataset = zone.get_rdataset(name, rdatatype)
    if rdataset is None:
        return None
    out = dns.rrset.RRset(name, dns.rdataclass.IN, rdatatype)
    out.update(rdataset)
    return out


def denial(response):
    soa = rrset(zone.origin, dns.rdatatype.SOA)
    soa.ttl = int(value) if kind == "negative-ttl" else min(soa.ttl, soa[0].minimum)
    response.authority.append(soa)


def answer(query):
    response = dns.message.make_response(query)
    question = query.question[0]
    if question.name == dns.name.from_text("ready.invalid."):
        response.set_rcode(dns.rcode.REFUSED)
        return response
    if kind == "silent":
        return None
    if kind == "slow":
        time.sleep(float(value))
    if kind in ("refused", "servfail"):
        response.set_rcode(dns.rcode.from_text(kind))
        return response
    if not question.name.is_subdomain(zone.origin):
        response.set_rcode(dns.rcode.REFUSED)
        return response
    if kind != "lame":
        response.flags |= dns.flags.AA
    found = rrset(question.name, question.rdtype) or rrset(question.name, dns.rdatatype.CNAME)
    if found is not None:
        if kind == "ttl":
            found.ttl = 0
        response.answer.append(found)
    else:
        if zone.get_node(question.name) is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        denial(response)
    return response


def forged(wire, query):
    """The answer as somebody else would send it."""
    message = dns.message.from_wire(wire)
    if kind == "wrong-question":
        message.question[0] = dns.rrset.from_text("other.example.", 0, "IN", "A")
        return message.to_wire()
    out = bytearray(wire)
    if kind == "no-response-bit":
        out[2] &= 0x7F
    else:
        out[0:2] = struct.pack("!H", query.id ^ 0x5555)
    return bytes(out)


def raised(wire):
    """Every TTL of the answer section as told; dnspython itself writes none above 31 bits."""
    out = bytearray(wire)
    message = dns.message.from_wire(wire)
    at = 12 + len(message.question[0].name.to_wire()) + 4
    for _ in range(struct.unpack("!H", wire[6:8])[0]):
        while wire[at] != 0 and wire[at] < 0xC0:
            at += wire[at] + 1
        at += 2 if wire[at] >= 0xC0 else 1
        out[at + 4 : at + 8] = struct.pack("!I", int(value))
        at += 10 + struct.unpack("!H", wire[at + 8 : at + 10])[0]
    return bytes(out)


def replies(octets, over_tcp):
    """What is sent for one query, in order."""
    try:
        query = dns.message.from_wire(octets)
    except Exception:
        return []
    response = answer(query)
    if response is None:
        return []
    if kind == "extended" and query.edns >= 0:
        response.use_edns(0, payload=1232, options=[dns.edns.EDEOption(6, value)])
    is_ready = query.question[0].name == dns.name.from_text("ready.invalid.")
    if kind == "cut" or (kind == "truncate" and not over_tcp):
        if not is_ready:
            response.flags |= dns.flags.TC
            response.answer, response.authority = [], []
    wire = response.to_wire()
    if is_ready:
        return [wire]
    if kind == "ttl" and response.answer:
        wire = raised(wire)
    if kind in ("wrong-id", "wrong-question", "no-response-bit"):
        return [forged(wire, query)]
    if kind == "spoofed-first":
        return [forged(wire, query), wire]
    return [wire]


def serve_udp(sock):
    def one(octets, peer):
        for wire in replies(octets, False):
            sock.sendto(wire, peer)

    while True:
        octets, peer = sock.recvfrom(65535)
        threading.Thread(target=one, args=(octets, peer), daemon=True).start()


def read(connection, count):
    out = b""
    while len(out) < count:
        more = connection.recv(count - len(out))
        if not more:
            return None
        out += more
    return out


def serve_connection(connection):
    with connection:
        while True:
            head = read(connection, 2)
            octets = head and read(connection, struct.unpack("!H", head)[0])
            if not octets:
                return
            for wire in replies(octets, True):
                connection.sendall(struct.pack("!H", len(wire)) + wire)


udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", port))
tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
tcp.bind(("127.0.0.1", port))
tcp.listen(64)
threading.Thread(target=serve_udp, args=(udp,), daemon=True).start()
while True:
    accepted, _ = tcp.accept()
    threading.Thread(target=serve_connection, args=(accepted,), daemon=True).start()
