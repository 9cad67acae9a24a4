"""Verifies an evidence bundle without any of our code: python3 verify_evidence.py BUNDLE KEYS

KEYS is a file of public keys, one a line, as `engine evidence keys` prints them: <name>+<hash>+<base64>, and after a
tab each from when and until when the key was valid. Get it from a source that is not the bundle. All are of one log.

Only Python's standard library is used. It has SHA-256, and no Ed25519, so that signature is checked by the plain
arithmetic of RFC 8032 below: slow, but there are four signatures at most. Files are read a line at a time.
Checked by digest alone, and not against the entries: README.txt, entries.csv, consistency.json, log-events.jsonl.
Exit status: 0 complete, 1 a check failed, 3 a selection, which proves nothing about what is absent.
"""
import base64
import hashlib
import json
import struct
import sys
import zlib
from datetime import datetime, timedelta

# ---- Ed25519 (RFC 8032, section 5.1): points are (X, Y, Z, T) with x = X/Z, y = Y/Z, x*y = T/Z ----
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def decode_point(data):
    y, sign = int.from_bytes(data, "little") & (2**255 - 1), data[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        raise ValueError("not a point of the curve")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def encode_point(point):
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def signed(key, message, signature):
    scalar = int.from_bytes(signature[32:], "little")
    hashed = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    x, y, z, t = decode_point(key)
    difference = add(multiply(scalar, BASE), multiply(hashed, (P - x, y, z, P - t)))
    return len(signature) == 64 and scalar < ORDER and encode_point(difference) == signature[:32]


# ---- The one way to write things: whatever can be read in two ways is refused ----
def require(condition, problem):
    if not condition:
        raise ValueError(problem)


def time(text):
    """A time as bundles have it, 2026-11-22T03:27:43.120Z, of the years 0001 to 9999."""
    moment = datetime.fromisoformat(text[:-1] + "+00:00")
    require(moment.isoformat(timespec="milliseconds")[:-6] + "Z" == text, "not a time as bundles have it: " + text)
    return moment


def decode(text):
    data = base64.b64decode(text, validate=True)
    require(base64.b64encode(data).decode() == text, "base64 written in another way")
    return data


def digest_of(text):
    data = decode(text)
    require(len(data) == 32, "not a SHA-256 digest")
    return data


def members(pairs):
    value = dict(pairs)
    names = sorted(value, key=lambda name: name.encode("utf-16-be"))
    require(names == [name for name, _ in pairs], "members out of order, or there twice")
    return value


def integer(digits):
    require(abs(int(digits)) < 2**53, "an integer of more than 53 bits")
    return int(digits)


def no_fraction(text):
    raise ValueError("not an integer: " + text)


NUMBERS = {"parse_int": integer, "parse_float": no_fraction, "parse_constant": no_fraction}
READER = json.JSONDecoder(object_pairs_hook=members, **NUMBERS)
WRITER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def canonical(text):
    """The value of canonical JSON (RFC 8785; all numbers are integers)."""
    value = READER.decode(text)
    require(WRITER.encode(value) == text, "not canonical JSON: " + text[:80])
    return value


def record(text, /, **kinds):
    """An object with exactly these members, of these kinds."""
    return of_kinds(canonical(text), **kinds)


def of_kinds(value, /, **kinds):
    require(type(value) is dict and value.keys() == kinds.keys(), "not exactly the members " + ", ".join(kinds))
    for name, kind in kinds.items():
        require(type(value[name]) is kind, f"{name} is not of its kind")
        require(kind is not int or value[name] >= 0, f"{name} is below 0")
    return value


# ---- The archive: stored files one after another, with nothing before, between or after them ----
MOST_BYTES = 2**32  # what an archive without zip64 can hold
MOST_LIST = 2**20
MOST_LINE = 2**24
FILES = [
    "README.txt", "checkpoint", "range/checkpoint-first", "range/checkpoint-end", "range/proof.json",
    "range/headers.jsonl", "entries.jsonl", "inclusion.jsonl", "anchors.jsonl", "references-", "consistency.json",
    "entries.csv", "rotations.csv", "log-events.jsonl", "manifest.json", "manifest.note",
]  # fmt: skip
ALWAYS = {"README.txt", "checkpoint", "entries.jsonl", "inclusion.jsonl", "anchors.jsonl", "entries.csv", *FILES[-2:]}
RANGE = {"range/proof.json", "range/headers.jsonl"}
UNREAD = ("README.txt", "consistency.json", "entries.csv", "log-events.jsonl")


def place(name):
    """Where in the order a file comes."""
    snapshot = name.removeprefix("references-").removesuffix(".jsonl")
    if len(snapshot) == len(name) - len("references-.jsonl"):
        plain = snapshot.isascii() and snapshot.replace("-", "a").replace("_", "a").isalnum() and len(snapshot) <= 100
        require(plain, "no file of a bundle: " + repr(name))
        return FILES.index("references-"), snapshot
    require(name in FILES and name != "references-", "no file of a bundle: " + repr(name))
    return FILES.index(name), ""


class Archive:
    """Every byte that is not content is as the format has it; the files' digests and lengths are taken on the way."""

    def __init__(self, path):
        self.path, self.file, self.where, self.digests = path, open(path, "rb"), {}, {}
        total = self.file.seek(0, 2)
        require(22 <= total < MOST_BYTES, "no whole archive, or too large a one")
        self.file.seek(total - 22)
        end = self.file.read()
        count, length, start = struct.unpack("<10xHII2x", end)
        require(end == struct.pack("<4s4xHHIIxx", b"PK\5\6", count, count, length, start), "the archive's end")
        require(start + length == total - 22 and length <= MOST_LIST, "the archive's end does not fit")
        self.file.seek(start)
        listed, offset = self.file.read(length), 0
        self.file.seek(0)
        while listed:
            crc, size, name_length = struct.unpack_from("<16xI4xIH", listed)
            name = listed[46 : 46 + name_length].decode("ascii")
            sizes = struct.pack("<III", crc, size, size)
            head = struct.pack("<HHHHH", 10, 8, 0, 0, 33)  # version, descriptor follows, stored, 1980-01-01
            rest = struct.pack("<HHHHHII", name_length, 0, 0, 0, 0, 0o100644 << 16, offset)
            entry = b"PK\1\2\x0a\3" + head + sizes + rest
            require(listed.startswith(entry + name.encode()), "the list of files")
            local = b"PK\3\4" + head + bytes(12) + struct.pack("<HH", name_length, 0) + name.encode()
            require(self.file.read(len(local)) == local, name + ": what is before it")
            self.where[name] = offset + len(local), size
            require(self.read_whole(name) == crc, name + " is damaged")
            require(self.file.read(16) == b"PK\7\x08" + sizes, name + ": what is after it")
            offset += len(local) + size + 16
            listed = listed[len(entry) + name_length :]
        self.names = list(self.where)
        require(offset == start and len(self.names) == count, "bytes between the files, or a file twice")
        places = [place(name) for name in self.names]
        require(places == sorted(places), "the files are out of order")
        require(ALWAYS <= set(self.names), "a file is missing: " + ", ".join(ALWAYS - set(self.names)))

    def read_whole(self, name):
        crc, digest, left = 0, hashlib.sha256(), self.where[name][1]
        while left:
            piece = self.file.read(min(left, 2**16))
            require(piece, "the archive breaks off")
            crc, left = zlib.crc32(piece, crc), left - len(piece)
            digest.update(piece)
        self.digests[name] = digest.hexdigest()
        return crc

    def lines(self, name):
        """The lines of a file. Several files may be read at once."""
        require(name in self.where, name + " is missing")
        start, left = self.where[name]
        with open(self.path, "rb") as file:
            file.seek(start)
            while left:
                line = file.readline(min(left, MOST_LINE))
                require(line.endswith(b"\n"), name + ": a line does not end, or is too long")
                left -= len(line)
                yield line[:-1].decode()

    def text(self, name):
        require(name in self.where and self.where[name][1] <= MOST_LINE, name + " is missing or too long")
        self.file.seek(self.where[name][0])
        return self.file.read(self.where[name][1]).decode()


# ---- Signed notes and checkpoints (c2sp.org/signed-note, c2sp.org/tlog-checkpoint) ----
def read_keys(path):
    """The keys, and the one log that all of them are of: the bundle has no say in which log it is."""
    keys, logs = [], set()
    with open(path, encoding="utf-8") as file:
        lines = [line for line in file.read().split("\n") if line]
    for line in lines:
        key, *times = line.split("\t")
        name, hashed, encoded = key.split("+", 2)
        key = decode(encoded)
        require(len(key) == 33 and key[0] == 1 and len(times) <= 2, "not an Ed25519 key and its times: " + line)
        require(hashlib.sha256(name.encode() + b"\n" + key).hexdigest()[:8] == hashed, "not this key's hash: " + line)
        log = name.removesuffix("/evidence") if name.endswith("/evidence") else name.removesuffix("/token")
        require(log and not log.endswith(("/evidence", "/token")), "the name of no key of a log: " + name)
        logs.add(log)
        require(len(logs) == 1, "keys of two logs: " + name + " is one of another log than those before it")
        keys.append((name, key[1:], *([time(text) for text in times] + [None, None])[:2]))
    require(keys, "no key was given")
    return keys, logs.pop()


def open_note(note, name, keys):
    """The text of a note signed by a key of this name, and the times in which the keys that signed it were valid."""
    require(all(character >= " " or character == "\n" for character in note), "not a signed note")
    text, empty, lines = note.rpartition("\n\n")
    text += "\n"
    require(empty and lines.endswith("\n"), "not a signed note")
    valid, seen = [], set()
    for line in lines[:-1].split("\n"):
        dash, signer, encoded = line.split(" ")
        signature = decode(encoded)
        require(dash == "\u2014" and len(signature) > 4 and (signer, signature[:4]) not in seen, "a line of the note")
        seen.add((signer, signature[:4]))
        for key_name, key, begin, end in keys:
            digest = hashlib.sha256(key_name.encode() + b"\n\x01" + key).digest()
            if signer == key_name == name and digest[:4] == signature[:4]:
                require(signed(key, text.encode(), signature[4:]), "the signature is wrong")
                valid.append((begin, end))
    require(valid, "not signed by a key named " + name)
    return text, valid


def open_checkpoint(note, log, keys):
    text, valid = open_note(note, log, keys)
    name, size, root, stamp, nothing = text.split("\n")
    require(name == log and stamp.startswith("time ") and nothing == "", "not a checkpoint of this log")
    require(size.isascii() and size.isdigit() and str(int(size)) == size, "not a checkpoint's size: " + size)
    at = time(stamp[5:])
    in_time = any((not begin or begin <= at) and (not end or at < end) for begin, end in valid)
    require(in_time, "the key was not valid at " + stamp)
    return int(size), digest_of(root), at


# ---- Merkle trees (RFC 6962, section 2.1) ----
def leaf(data):
    return hashlib.sha256(b"\x00" + data).digest()


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def included(index, size, digest, proof, root):
    """RFC 9162, section 2.1.3.2."""
    if index >= size:
        return False
    last = size - 1
    for other in proof:
        if last == 0:
            return False
        if index & 1 or index == last:
            digest = node(other, digest)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            digest = node(digest, other)
        index, last = index >> 1, last >> 1
    return last == 0 and digest == root


class Tree:
    """A tree that grows to the right: the roots of its perfect subtrees, largest first."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def push(self, digest, leaves=1):
        self.peaks.append((digest, leaves))
        self.size += leaves
        while len(self.peaks) > 1 and self.peaks[-2][1] == self.peaks[-1][1]:
            (right, count), (left, _) = self.peaks.pop(), self.peaks.pop()
            self.peaks.append((node(left, right), 2 * count))

    def push_tiles(self, end, digests):
        for digest in digests:
            require(self.size < end, "more than the subtrees left or right of the range")
            leaves = 1  # the largest subtree that begins here, aligned, and does not go beyond the end
            while self.size % (2 * leaves) == 0 and self.size + 2 * leaves <= end:
                leaves *= 2
            self.push(digest_of(digest), leaves)
        require(self.size == end, "not exactly the subtrees left or right of the range")

    def root(self):
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        digest = self.peaks[-1][0]
        for peak, _ in reversed(self.peaks[:-1]):
            digest = node(peak, digest)
        return digest


# ---- rotations.csv: the entries whose event rotates a credential, ends one or tells of one ----
ROTATING = {
    "api_key.create": "api_key", "api_key.rotate": "api_key", "api_key.emergency_rotate": "api_key",
    "api_key.claim": "api_key", "api_key.confirm": "api_key", "api_key.revoke": "api_key",
    "api_key.expire": "api_key", "client.terminate": "api_key", "factor.enrol": "totp",
    "service_account.create": "service_account", "service_account.disable": "service_account",
    "service_account.credential.stage": "service_account", "service_account.credential.rotate": "service_account",
    "service_account.credential.revoke": "service_account", "secret.rotate": "secret", "key.register": "signing_key",
    "credential.due": None, "rotation.request": None, "rotation.complete": None,
}  # fmt: skip
DUE = ("next_due_at", "expires_at", "due_at")
FIRST_ROW = "index,time,kind,credential,event,outcome,actor_type,actor_id,reason,next_due_at\r\n"
# Unicode's White_Space, which lacks four of those that Python takes for spaces.
SPACES = "".join(c for c in map(chr, range(0x3001)) if c.isspace() and not "\x1c" <= c <= "\x1f")
SIGNS = tuple("=+-@|\uff1d\uff0b\uff0d\uff20")


def cell(text):
    """RFC 4180. Spreadsheets run what begins with one of the signs, so an apostrophe goes before it."""
    runs = text.lstrip(SPACES).startswith(SIGNS) or text.startswith(("\t", "\r", "\n"))
    if not runs and not set(text) & set('",\r\n'):
        return text
    return '"' + "'" * runs + text.replace('"', '""') + '"'


def text_of(value, *names):
    """The member of that name that is text, of the first name that has one; empty where none is."""
    found = [value[name] for name in names if type(value) is dict and type(value.get(name)) is str]
    return found[0] if found else ""


def rotation_row(entry, header):
    body = json.loads(entry["body"])
    actor, details = (body.get(name) if type(body) is dict else None for name in ("actor", "details"))
    kind = ROTATING[header["event"]] or text_of(details, "kind")
    cells = [
        *(header["time"], kind, text_of(body, "resource").removeprefix(kind + ":")),
        *(header["event"], header["outcome"], text_of(actor, "type"), text_of(actor, "id")),
        *(text_of(body, "reason") or text_of(details, "because"), text_of(details, *DUE)),
    ]
    return ",".join([str(entry["index"]), *map(cell, cells)]) + "\r\n"


# ---- The bundle ----
LISTS = ("event", "outcome", "actor_ref", "client_ref", "subject_ref", "request_id")


def read_manifest(archive, log):
    value = canonical(archive.text("manifest.json"))
    kinds = dict(completeness=str, files=list, filter=dict, format=str, matched=int, opened=dict, origin=str, size=int)
    manifest = of_kinds(value, **kinds, **({"range": dict} if value.get("completeness") == "range" else {}))
    require(manifest["format"] == "borrow-rate-engine/evidence/1", "another format")
    require(manifest["origin"] == log, "the manifest is of another log than the keys: " + manifest["origin"])
    for file in manifest["files"]:
        of_kinds(file, bytes=int, path=str, sha256=str)
    listed = [file["path"] for file in manifest["files"]]
    require([*listed, "manifest.json", "manifest.note"] == archive.names, "not the manifest's files, in their order")
    of_range = {name for name in archive.names if name.startswith("range/")}
    if manifest["completeness"] == "range":
        first, end = (of_kinds(manifest["range"], end=int, first=int)[name] for name in ("first", "end"))
        require(first <= end <= manifest["size"], "a range of no log")
        expected = RANGE | ({"range/checkpoint-first"} if first else set())
        expected |= {"range/checkpoint-end"} if end < manifest["size"] else set()
        require(of_range == expected, "not the files that a range has")
    else:
        require(manifest["completeness"] == "selected" and not of_range, "neither a range nor a selection")
    filter = manifest["filter"]
    lists = {name: filter[name] for name in LISTS if name in filter}
    of_kinds(filter, to=str, **{"from": str}, **{name: list for name in lists})
    require(time(filter["from"]) < time(filter["to"]), "the filter asks for no time")
    for name, values in lists.items():
        require(values and all(type(text) is str for text in values), f"{name} is no list of values")
        in_order = all(a.encode() < b.encode() for a, b in zip(values, values[1:]))
        require(in_order, f"{name} is out of order, or has a value twice")
    for opening in manifest["opened"].values():
        of_kinds(opening, salt=str, value=str)
    return manifest


def read_header(text):
    header = canonical(text)
    names = ("id", "time", "event", "outcome", "request_id", "function", "actor_ref", "body_sha256")
    require(type(header) is dict and type(header.get("v")) is int, "not a header")
    require(all(type(header.get(name)) is str for name in names), "not a header")
    require(all(type(header.get(name, "")) is str for name in ("client_ref", "subject_ref")), "not a header")
    require(time(header["time"]).year >= 2000, "a time before the year 2000: " + header["time"])
    return header


def matches(filter, header):
    # Times written in this one way are in the order of their text.
    in_time = filter["from"] <= header["time"] < filter["to"]
    return in_time and all(header.get(name) in filter[name] for name in LISTS if name in filter)


def proved(entry, proof, size, root):
    """The header of an entry that is proved to be in the log, with its body."""
    proof = [digest_of(digest) for digest in proof]
    require(included(entry["index"], size, leaf(entry["header"].encode()), proof, root), "not in the log")
    header = read_header(entry["header"])
    require(hashlib.sha256(entry["body"].encode()).hexdigest() == header["body_sha256"], "not the header's body")
    return header


def anchored(archive, ref, opening, header, details, is_client):
    require(header["outcome"] == "success", "anchored by something refused")
    if is_client:
        return header["event"] == "client.create" and header["client_ref"] == ref and details["opening"] == opening
    name = "references-" + details["snapshot_id"] + ".jsonl"
    listed = [record(line, salt=str, value=str) for line in archive.lines(name)]
    same = archive.digests[name] == details["references_sha256"]
    return header["event"] == "snapshot.import" and same and opening in listed


def verify_openings(archive, manifest, root):
    filter, opened = manifest["filter"], manifest["opened"]
    clients, tickers = filter.get("client_ref", []), filter.get("subject_ref", [])
    kinds = dict(body=str, header=str, index=int, proof=list, ref=str)
    anchors = [record(line, **kinds) for line in archive.lines("anchors.jsonl")]
    refs = [anchor["ref"] for anchor in anchors]
    require(len(refs) == len(set(refs)), "a reference is anchored twice")
    require({*clients, *tickers} == {*opened} == {*refs}, "not exactly the references asked for")
    lists = set()
    for anchor in anchors:
        ref, opening = anchor["ref"], opened[anchor["ref"]]
        salt = decode(opening["salt"])
        require(len(salt) == 16, "a salt has 16 bytes")
        require(hashlib.sha256(salt + opening["value"].encode()).hexdigest() == ref, ref + " does not open")
        header = proved(anchor, anchor["proof"], manifest["size"], root)
        details = json.loads(anchor["body"])["details"]
        for is_client in [True] * (ref in clients) + [False] * (ref in tickers):
            require(anchored(archive, ref, opening, header, details, is_client), ref + " was fixed as something else")
            lists |= set() if is_client else {"references-" + details["snapshot_id"] + ".jsonl"}
    there = {name for name in archive.names if name.startswith("references-")}
    require(there == lists, "a list that no anchor names")
    return len(anchors)


def verify_entries(archive, manifest, root):
    """The indices of the entries shown; each is in the log and was asked for."""
    indices, proofs, actors = [], archive.lines("inclusion.jsonl"), {}
    rotating, rotations = 0, hashlib.sha256(FIRST_ROW.encode())
    for line in archive.lines("entries.jsonl"):
        entry = record(line, body=str, header=str, index=int)
        proof = record(next(proofs, "null"), index=int, proof=list)
        require(entry["index"] == proof["index"], "entries and proofs differ")
        require(not indices or indices[-1] < entry["index"], "entries out of order, or there twice")
        header = proved(entry, proof["proof"], manifest["size"], root)
        require(matches(manifest["filter"], header), f"index {entry['index']} was not asked for")
        indices.append(entry["index"])
        if header["event"] in ROTATING:
            rotating += 1
            rotations.update(rotation_row(entry, header).encode())
        if "actor_ref" in manifest["filter"] and header["actor_ref"] not in actors:
            actors[header["actor_ref"]] = json.loads(entry["body"]).get("actor")
    require(next(proofs, None) is None, "a proof of no entry")
    require(len(indices) == manifest["matched"], "the manifest says another number of entries")
    listed = rotations.hexdigest() if rotating else None
    require(archive.digests.get("rotations.csv") == listed, "rotations.csv is not what the entries give")
    for ref in manifest["filter"].get("actor_ref", []):
        print("    actor", ref, "is, by the body of an entry:", json.dumps(actors.get(ref, "none here says it")))
    return indices


def verify_range(archive, manifest, checkpoint, indices, log, keys):
    (size, root, checkpoint_time), filter = checkpoint, manifest["filter"]
    first, end = manifest["range"]["first"], manifest["range"]["end"]
    proof = record(archive.text("range/proof.json"), end=int, first=int, left=list, right=list, size=int)
    require((proof["first"], proof["end"], proof["size"]) == (first, end, size), "the range proof is of another range")
    tree = Tree()
    tree.push_tiles(first, proof["left"])
    first_root, shown = tree.root(), iter(indices)
    for header in archive.lines("range/headers.jsonl"):
        require(tree.size < end, "more headers than the range has")
        if matches(filter, read_header(header)):
            require(next(shown, None) == tree.size, f"index {tree.size} was asked for, and is not the next one shown")
        tree.push(leaf(header.encode()))
    require(tree.size == end, "not every header of the range is here")
    require(next(shown, None) is None, "an entry is shown that the filter does not find in the range")
    end_root = tree.root()
    tree.push_tiles(size, proof["right"])
    require(tree.root() == root, "the range's headers do not give the checkpoint's root")
    print("ok  range proof:", end - first, "headers from", first, "to before", end)
    start = open_checkpoint(archive.text("range/checkpoint-first"), log, keys) if first else None
    require(start is None or start[:2] == (first, first_root), "the checkpoint before the range does not fit")
    require(start is None or start[2] <= time(filter["from"]), "the range begins too late")
    after = (end, end_root, checkpoint_time)
    if end < size:
        after = open_checkpoint(archive.text("range/checkpoint-end"), log, keys)
    require(after[:2] == (end, end_root), "the checkpoint at the range's end does not fit")
    require(after[2] - time(filter["to"]) >= timedelta(minutes=5), "the range ends too early")
    print("ok  range from", start[2] if start else "the log's beginning", "to", after[2])
    print("ok  the filter run again finds exactly these entries")


def verify(path, keys, log):
    archive = Archive(path)
    manifest = read_manifest(archive, log)
    print("asked for:", json.dumps(manifest["filter"], indent=2))
    print("opened:", json.dumps(manifest["opened"], indent=2))
    text, evidence_keys = open_note(archive.text("manifest.note"), log + "/evidence", keys)
    title = "borrow-rate-engine evidence manifest"
    require(text == f"{title}\n{archive.digests['manifest.json']}\n", "the signature is of another manifest")
    print("ok  manifest signature")
    for file in manifest["files"]:
        same = (archive.digests[file["path"]], archive.where[file["path"]][1]) == (file["sha256"], file["bytes"])
        require(same, file["path"] + " is not what the manifest says")
    print("ok  digests of", len(manifest["files"]), "files")
    checkpoint = size, root, at = open_checkpoint(archive.text("checkpoint"), log, keys)
    require(size == manifest["size"], "the checkpoint is of another size")
    in_use = any(not end or at < end for _, end in evidence_keys)
    require(in_use, "the key that signed the manifest was no longer valid at the checkpoint's time")
    print("ok  checkpoint of", size, "entries at", at)
    print("ok  openings, fixed in the log:", verify_openings(archive, manifest, root))
    indices = verify_entries(archive, manifest, root)
    print("ok  entries, each in the log:", len(indices))
    if manifest["completeness"] == "range":
        verify_range(archive, manifest, checkpoint, indices, log, keys)
    others = [name for name in archive.names if name in UNREAD]
    print("    not compared with the entries, only with the digests that the manifest has:", ", ".join(others))
    if manifest["completeness"] != "range":
        print("SELECTION ONLY: proves nothing about what is absent")
        return 3
    print("COMPLETE, as of", at)
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        sys.exit(verify(sys.argv[1], *read_keys(sys.argv[2])))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError, struct.error) as error:
        sys.exit(f"NOT VERIFIED: {error}")
