"""Checks a bundle from a consent log: offline, with Python 3.8 or newer and nothing else. Read it; it is short.
    python3 verify.py [BUNDLE] [--key VKEY]... [--witness VKEY]... [--checkpoint FILE]...

--key         the log's public key as you got it from its operator, by another way than this bundle
--witness     the key of a witness that must have cosigned the log
--checkpoint  a checkpoint (or lines of an anchor file) that you kept: the log must go on from it
Exit code 0: all of it holds. 1: something does not. 2: wrong usage.
"""
import argparse, base64, json, pathlib, re, sys
from hashlib import sha256, sha512

# --- Ed25519 (RFC 8032). A point is (x, y, z, x*y/z). ---
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P

def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P

def times(n, p):
    q = (0, 1, 1, 0)
    while n:
        q, p, n = (add(q, p) if n & 1 else q), add(p, p), n >> 1
    return q

def point(data):
    y, odd = int.from_bytes(data, "little") & (2**255 - 1), data[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    if y >= P or x * x % P != square or (x == 0 and odd):
        raise ValueError("a key or a signature is no point of the curve")
    x = P - x if x & 1 != odd else x
    return x, y, 1, x * y % P

BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))

def fits(key, message, signature):
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or s >= ORDER:
        return False
    h = int.from_bytes(sha512(signature[:32] + key + message).digest(), "little") % ORDER
    left, right = times(s, BASE), add(point(signature[:32]), times(h, point(key)))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 == (left[1] * right[2] - right[1] * left[2]) % P

# --- Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint, tlog-cosignature). ---
def unbase64(text):
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:  # of two spellings of the same bytes, one is refused
        raise ValueError("not base64 as it is written: %s" % text)
    return data

def key_of(vkey):
    name, key_id, key = (vkey + "++").split("+", 2)
    key = unbase64(key[:-2])
    if sha256(name.encode() + b"\n" + key).hexdigest()[:8] != key_id or len(key) != 33 or key[0] not in (1, 4):
        raise ValueError("not a key: %s" % vkey)
    return name, bytes.fromhex(key_id), key

def signers(note, vkeys, strict=False):
    """The keys that signed a note, each with the time it says, or None. Strict: nobody else may stand there."""
    text, _, lines = note.rpartition("\n\n")
    known, found = {key_of(vkey)[:2]: vkey for vkey in vkeys}, {}
    for line in lines.split("\n")[:-1] if lines.endswith("\n") else ["cut off"]:
        name, value = re.fullmatch("— ([^ +]+) ([^ ]+)", line).groups()
        value = unbase64(value)
        vkey, at, signed = known.get((name, value[:4])), None, text + "\n"
        if vkey and key_of(vkey)[2][0] == 4:
            at, value = int.from_bytes(value[4:12], "big"), value[8:]
            signed = "cosignature/v1\ntime %d\n%s" % (at, signed)
        if (strict and not vkey) or (vkey and not fits(key_of(vkey)[2][1:], signed.encode(), value[4:])):
            raise ValueError("the signature of %s does not fit, or is of a key that is not known" % name)
        found.update({vkey: at} if vkey else {})
    return found

def checkpoint(note, vkeys):
    """The size and the root that the log signed with one of these keys."""
    origin, size, root = note.partition("\n\n")[0].split("\n")
    if not any(key_of(vkey)[0] == origin for vkey in signers(note, vkeys)):
        raise ValueError("the checkpoint of %s events has no signature of a key that you trust" % size)
    return int(size), unbase64(root)

# --- The Merkle tree (RFC 6962, RFC 9162). ---
def node(left, right):
    return sha256(b"\x01" + left + right).digest()

def root_of(hashes):
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256(b"").digest()
    split = 1 << ((len(hashes) - 1).bit_length() - 1)
    return node(root_of(hashes[:split]), root_of(hashes[split:]))

def climb(at, last, hashes, path):
    """From a leaf's hash up to the root; of two hashes, the first climbs in an older tree that ends there."""
    for beside in path:
        if at & 1 or at == last:
            hashes = [node(beside, one) for one in hashes]
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            hashes = [*hashes[:-1], node(hashes[-1], beside)]
        at, last = at >> 1, last >> 1
    return hashes if last == 0 else []

def goes_on_from(old, old_root, size, root, path):
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    path = path if old & (old - 1) else [old_root, *path]
    return 0 < old <= size and path and climb(at, last, [path[0], path[0]], path[1:]) == [old_root, root]

# --- The bundle. ---
def verify(folder, given, witnesses, kept):
    """Yields what holds, a line each. Raises ValueError with the first thing that does not."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    read = {name: path.read_bytes() for name, path in files.items() if path.name[0] != "." and path.suffix != ".pyc"}
    text = {name: data.decode() for name, data in read.items() if not name.endswith((".wav", ".tsr"))}
    own = re.findall("^log (.+)$", text["keys.txt"], re.MULTILINE)
    if not set(signers(text["manifest"], own + given, strict=True)) & set(given or own):
        raise ValueError("the bundle is not signed with the key that you gave; it says its keys are %s" % own)
    listed = dict(line.split(" ", 1)[::-1] for line in text["manifest"].partition("\n\n")[0].split("\n")[2:])
    for name in sorted(set(listed) ^ (set(read) - {"manifest"})) or sorted(listed):
        if name not in listed or name not in read or sha256(read[name]).hexdigest() != listed[name]:
            raise ValueError("the file %s is missing, new, or not as it was when the bundle was signed" % name)
    size, root = checkpoint(text["checkpoint"], given or own)
    hashes = [sha256(b"\0" + leaf.encode()).digest() for leaf in text["events.jsonl"].split("\n")[:-1]]
    events = [json.loads(leaf) for leaf in text["events.jsonl"].split("\n")[:-1]]
    proofs = [text[name].split("\n\n", 1) for name in sorted(text) if name.startswith("proofs/")]
    indexes = [int(proof.split("\n")[1][6:]) for proof, _ in proofs] if proofs else range(size)
    for index, leaf, (proof, note) in zip(indexes, hashes, proofs):
        if note != text["checkpoint"] or climb(index, size - 1, [leaf], map(unbase64, proof.split("\n")[2:])) != [root]:
            raise ValueError("event %d is not in the log as it was signed" % index)
    if len(indexes) != len(hashes) or (not proofs and root_of(hashes) != root):
        raise ValueError("the events are not those that were signed")
    older = {size: root}
    for name in (name for name in sorted(text) if name.startswith("consistency/")):
        path, note = text[name].split("\n\n", 1)
        old, old_root = checkpoint(note, own + given)
        if not goes_on_from(old, old_root, size, root, [unbase64(one) for one in path.split("\n")[1:]]):
            raise ValueError("not append-only: the log was rewritten since it had %d events" % old)
        older[old] = old_root
    for old, old_root in (kept := [checkpoint(note, own + given) for note in kept]):
        if old not in older and (proofs or old > size):
            raise ValueError("it can't be told: no proof from your checkpoint of %d events; ask for an export --since it" % old)
        if older.get(old, root_of(hashes[:old])) != old_root:
            raise ValueError("the log is not the one of your checkpoint of %d events: it was rewritten" % old)
    opened, counts = {}, {}
    for body in (json.loads(line)["d"] for line in text["disclosures.jsonl"].split("\n")[:-1]):
        digest = base64.urlsafe_b64encode(sha256(body.encode()).digest()).decode().rstrip("=")
        opened[digest] = json.loads(base64.urlsafe_b64decode(body + "=="))[1:]
    for index, event in zip(indexes, events):
        shown = {name: opened.pop(digest) for name, digest in event.get("sd", {}).items() if digest in opened}
        due = counts[event.get("call")] = counts.get(event.get("call"), -1) + 1
        if event.get("n", due) != due or event.get("type") == "call.completed" and event["events"] != due + 1:
            raise ValueError("event %d of call %s is out of order: one was left out" % (index, event["call"]))
        if any(name != field for name, (field, _) in shown.items()):
            raise ValueError("a disclosure of event %d is another field than it says" % index)
        told = [*(one for one in event.items() if one[0] not in ("ts", "type", "ruling", "sd", "law", "v")), *shown.values()]
        yield "%d  %s  %s  %s" % (index, event.get("ts"), event.get("type"), "  ".join("%s=%s" % tuple(one) for one in told))
    texts = {n.split("/")[1][:64]: n for n in read if n.startswith(("prompts/", "rules/", "law/"))}
    wanted = {one for e in events if "call" in e
              for one in (e.get("prompt_sha256"), e.get("rules_sha256"), e.get("law", {}).get("sha256"))}
    if opened or wanted - {None} - set(texts) or any(sha256(read[name]).hexdigest() != key for key, name in texts.items()):
        raise ValueError("a disclosure that no event commits to, or a text that is not the one an event names")
    cosigned = signers(text["checkpoint"], witnesses)
    if set(cosigned) != set(witnesses):
        raise ValueError("a witness that you named has not cosigned")
    yield "OK: these %d events are in the log as it was signed with %d events" % (len(events), size)
    yield from ("OK: cosigned by %s at %s (seconds since 1970)" % (key_of(vkey)[0], at) for vkey, at in cosigned.items())
    alone = sum(not kept or index >= max(kept)[0] for index in indexes)
    if kept:
        yield "OK: it goes on from your checkpoint of %d events, which had %d of these" % (max(kept)[0], len(events) - alone)
    if not given:
        yield "WARNING: the key came with the bundle. Ask the log's operator for it by another way, and give it with --key."
    if alone and not witnesses:
        yield ("WARNING: checked with what the operator gave you and nothing else%s. This proves nothing against the "
               "operator, who could have made it all up yesterday. Bring a checkpoint that somebody else kept, or a witness."
               % (": the last %d of these events" % alone if kept else ""))

def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("bundle", nargs="?", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    for name in ("--key", "--witness", "--checkpoint"):
        asked.add_argument(name, action="append", default=[])
    said = asked.parse_args()
    try:
        kept = [pathlib.Path(name).read_text("utf-8") for name in said.checkpoint]
        kept = [[t] if t[0] != "{" else [json.loads(one)["checkpoint"] for one in t.splitlines()] for t in kept]
        for line in verify(said.bundle, said.key, said.witness, sum(kept, [])):
            print(line)
    except OSError as problem:
        asked.error(str(problem))
    except (ValueError, LookupError, TypeError, AttributeError) as problem:
        sys.exit("DOES NOT HOLD: %s%s" % ("there is no " * isinstance(problem, KeyError), problem))

if __name__ == "__main__":
    main()
