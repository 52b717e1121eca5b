"""Checks a bundle from a consent log: offline, with Python 3.8 or newer and nothing else. Read it; it is short.

    python3 verify.py [BUNDLE] [--key VKEY]... [--witness VKEY]... [--checkpoint FILE]...
--key         the log's public key as you got it from its operator, by another way than this bundle
--witness     the key of a witness that must have cosigned the log; it is said which of the events it vouches for
--checkpoint  a checkpoint (or lines of an anchor file) that you kept: the log must go on from it
Exit code 0: all of it holds. 1: something does not. 2: wrong usage.
"""
import sys
sys.path[:__name__ == "__main__" and not sys.flags.isolated] = []  # nothing in this folder can pass for one of Python's
import argparse, base64, bisect, datetime, json, pathlib, re
from hashlib import sha256, sha512
def need(holds, otherwise):
    if not holds:
        raise ValueError(otherwise)

# --- Ed25519 (RFC 8032). A point is (x, y, z, x*y/z). ---
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
def add(p, q):
    a, b, c, d = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0]), 2 * p[3] * q[3] * D, 2 * p[2] * q[2]
    e, f, g, h = (b - a) % P, (d - c) % P, (d + c) % P, (b + a) % P
    return e * f % P, g * h % P, f * g % P, e * h % P
def times(n, p):
    half = times(n >> 1, add(p, p)) if n else (0, 1, 1, 0)
    return add(half, p) if n & 1 else half
def point(data):
    y, odd = int.from_bytes(data, "little") & (2**255 - 1), data[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    need(y < P and x * x % P == square and (x or not odd), "a key or a signature is no point of the curve")
    x = P - x if x & 1 != odd else x
    return x, y, 1, x * y % P
BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
def fits(key, message, signature):
    s = int.from_bytes(signature[32:], "little")
    need(len(signature) == 64 and s < ORDER, "a signature is too long, too short, or too great")
    h = int.from_bytes(sha512(signature[:32] + key + message).digest(), "little") % ORDER
    left, right = times(s, BASE), add(point(signature[:32]), times(h, point(key)))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 == (left[1] * right[2] - right[1] * left[2]) % P

# --- Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint, tlog-cosignature). ---
def lines(text):
    need(text[-1:] in ("", "\n"), "the last line of a file is cut off")
    return text.split("\n")[:-1]
def unbase64(text):
    need(base64.b64encode(base64.b64decode(text, validate=True)).decode() == text, "not base64 as it is written: %s" % text)
    return base64.b64decode(text)
def key_of(vkey, kinds=(1, 4)):
    name, key_id, key = (vkey + "++").split("+", 2)
    key = unbase64(key[:-2])
    is_key = sha256(name.encode() + b"\n" + key).hexdigest()[:8] == key_id and len(key) == 33 and key[0] in kinds
    need(is_key, "not the key of a %s: %s" % ("witness" if kinds == (4,) else "log", vkey))
    return name, bytes.fromhex(key_id), key
def signers(note, vkeys, strict=False):
    """The keys that signed a note, each with the time it says, or None. Strict: nobody else may stand there."""
    text, _, below = note.rpartition("\n\n")
    known, found = {key_of(vkey)[:2]: vkey for vkey in vkeys}, {}
    for name, coded in (re.fullmatch("— ([^ +]+) ([^ ]+)", line).groups() for line in lines(below)):
        value = unbase64(coded)
        vkey, at, signed = known.get((name, value[:4])), None, text + "\n"
        if vkey and key_of(vkey)[2][0] == 4:
            at, value = int.from_bytes(value[4:12], "big"), value[8:]
            signed = "cosignature/v1\ntime %d\n%s" % (at, signed)
        holds = fits(key_of(vkey)[2][1:], signed.encode(), value[4:]) if vkey else not strict
        need(holds, "the signature of %s does not fit, or is of a key that is not known" % name)
        found.update({vkey: at} if vkey else {})
    return found
def checkpoint(note, vkeys):
    """The size and the root that the log signed with one of these keys."""
    origin, size, root = note.partition("\n\n")[0].split("\n")
    keys = [key_of(vkey)[0] for vkey in signers(note, vkeys)]
    need(origin in keys, "the checkpoint of %s events has no signature of a key that you trust" % size)
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
        need(0 <= at <= last > 0, "a proof names an event beyond the log's end, or is too long")
        if at & 1 or at == last:
            hashes = [node(beside, one) for one in hashes]
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            hashes = [*hashes[:-1], node(hashes[-1], beside)]
        at, last = at >> 1, last >> 1
    return hashes if at == last == 0 else []
def goes_on_from(old, old_root, size, root, path):
    path, full = path if old & (old - 1) else [old_root, *path], max(0, (old & -old).bit_length() - 1)
    return 0 < old <= size and path and climb(
        (old - 1) >> full, (size - 1) >> full, [path[0], path[0]], path[1:]) == [old_root, root]

# --- The bundle. ---
moment, seconds, CLOCKS_MAY_DIFFER_S = datetime.datetime.fromisoformat, datetime.timedelta(0, 1), 600
CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
def said(value):
    """On one line, and so that it can't pass for another field."""
    told = json.dumps(value, ensure_ascii=False)
    told = told if told.isprintable() else json.dumps(value)
    return told[1:-1] if re.fullmatch(r'"[\w.:+@/-]+"', told) else told
def called(index, event):
    """An event by its number, type, call and time."""
    call = "" if event.get("call") is None else " of call %s" % said(event["call"])
    return "event %d (%s%s, dated %s)" % (index, said(event["type"]), call, said(event["ts"]))
def sentence(index, event, shown):
    """All that an event says, as it is hashed, and what is disclosed of it."""
    of_a_call = event.get("call") is not None
    left_out = ("ts", "type", "ruling", "sd", "law", "v") + (("call", "n") if of_a_call else ())
    told = ["number %s of its call" % said(event["n"]) if of_a_call else "of no call"]
    told += ["its %s is %s" % (said(name), said(value)) for name, value in event.items() if name not in left_out]
    told += ["its %s, which is disclosed, is %s" % (said(name), said(value)) for _, name, value in shown]
    return "E%s is %s." % (called(index, event)[1:], "; ".join(told))

def verify(folder, given, witnesses, kept):
    """Yields what holds, a line each. Raises ValueError with the first thing that does not."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    read = {name: path.read_bytes() for name, path in paths.items() if path.is_file() and not path.is_symlink()}
    around = {above.as_posix() for name in read for above in pathlib.PurePath(name).parents}
    hash_of = {name: name in read and sha256(read[name]).hexdigest() for name in {*paths} - around - {"manifest"}}
    own, manifest = re.findall("^log (.+)$", read["keys.txt"].decode(), re.MULTILINE), read["manifest"].decode()
    is_trusted = set(signers(manifest, own + given, strict=True)) & set(given or own)
    need(is_trusted, "the bundle is not signed with the key that you gave; it says its keys are %s" % own)
    listed = dict(line.split(" ", 1)[::-1] for line in manifest.partition("\n\n")[0].split("\n")[2:])
    wrong = [said(name) for name in sorted({*listed, *hash_of}) if listed.get(name) != hash_of.get(name)]
    need(not wrong, "the file %s is missing, new, or not as it was when the bundle was signed" % "".join(wrong[:1]))
    text = {name: data.decode() for name, data in read.items() if not name.endswith((".wav", ".tsr"))}
    size, root = checkpoint(text["checkpoint"], given or own)
    leaves = lines(text["events.jsonl"])
    hashes, events = [sha256(b"\0" + leaf.encode()).digest() for leaf in leaves], [json.loads(leaf) for leaf in leaves]
    need(list(map(CANONICAL, events)) == leaves, "an event can be read in two ways")
    proofs = [text[name].partition("\n\n")[::2] for name in sorted(text) if name.startswith("proofs/")]
    indexes = [int(proof.split("\n")[1][6:]) for proof, _ in proofs] if proofs else list(range(size))
    for index, leaf, (proof, note) in zip(indexes, hashes, proofs):
        is_in = note == text["checkpoint"] and climb(index, size - 1, [leaf], map(unbase64, proof.split("\n")[2:])) == [root]
        need(is_in, "event %d is not in the log as it was signed" % index)
    need(len(indexes) == len(hashes) and (proofs or root_of(hashes) == root), "the events are not those that were signed")
    need(indexes == sorted(set(indexes)), "the events are not each there once, and in the log's order")
    older, notes = {size: root}, {size: text["checkpoint"]}
    for path, note in (text[name].split("\n\n", 1) for name in sorted(text) if name.startswith("consistency/")):
        old, old_root = checkpoint(note, own + given)
        is_older = goes_on_from(old, old_root, size, root, [unbase64(one) for one in path.split("\n")[1:]])
        need(is_older, "not append-only: the log was rewritten since it had %d events" % old)
        older[old], notes[old] = old_root, note
    stamped = [text[name] for name in text if name.endswith(".checkpoint")]
    stamped += [json.loads(one)["checkpoint"] for name in text if name.endswith("-file.jsonl") for one in lines(text[name])]
    kept, stamped = ([checkpoint(note, own + given) for note in some] for some in (kept, stamped))
    for old, old_root in kept + stamped:
        need(old <= size, "the log is shorter than yours: with %d events here there is no proof from your checkpoint of %d "
             "events. The bundle is older than that, or events are gone (then backup.restored may say why)" % (size, old))
        need(old in older or not proofs,
             "it can't be told: no proof from your checkpoint of %d events; ask for an export --since it" % old)
        need((older.get(old) or root_of(hashes[:old])) == old_root,
             "it was rewritten since the checkpoint of %d events (or has lost them, if backup.restored says so)" % old)
    cosigned = {vkey: {old: signers(note, [vkey])[vkey] for old, note in notes.items()
                       if signers(note, given or own) and signers(note, [vkey])} for vkey in witnesses}
    need(all(cosigned.values()), "a witness that you named has not cosigned")
    newest = max([0, *(old for old, _ in kept)])
    alone = len(events) - bisect.bisect_left(indexes, max(newest, min(map(max, cosigned.values()), default=0)))
    opened, counts, answers, wanted, disclosed = {}, {}, set(), set(), set()
    for one in map(json.loads, lines(text["disclosures.jsonl"])):
        digest = base64.urlsafe_b64encode(sha256(one["d"].encode()).digest()).decode().rstrip("=")
        need(digest not in opened, "a disclosure of event %s is there twice" % one["index"])
        opened[digest] = [one["index"], *json.loads(base64.urlsafe_b64decode(one["d"] + "=="))[1:]]
    for index, event in zip(indexes, events):
        call, due = event.get("call"), counts.get(event.get("call"), 0)
        in_turn = (call is None or event["n"] == due) and (event["type"] != "call.completed" or event["events"] == due + 1)
        need(in_turn, "event %d of call %s is out of order: one was left out" % (index, call))
        shown = {name: opened.pop(digest) for name, digest in event.get("sd", {}).items() if digest in opened}
        is_named = all([index, name] == one[:2] and len(one) == 3 for name, one in shown.items())
        need(is_named, "a disclosure of event %d is of another event or field than it says" % index)
        gone = {(call, name) for name in event["fields"]} if event["type"] == "privacy.erased" else set()
        need(not gone & disclosed, "what is disclosed here of call %s was erased, as event %d says" % (call, index))
        disclosed.update((call, name) for name in shown)
        counts[call] = due + 1
        named = event.get("prompt_sha256"), event.get("rules_sha256"), event.get("law", {}).get("sha256")
        wanted.update(named if call else ())
        answers.add(("provider/%s.json" % call, shown.get("response_sha256", [None])[-1]))
        yield sentence(index, event, shown.values())
    texts = {name: name.split("/")[1][:64] for name in read if name.startswith(("prompts/", "rules/", "law/"))}
    are_named = all(hash_of[name] == key and key in text["events.jsonl"] for name, key in texts.items())
    are_named = are_named and {one for one in hash_of.items() if one[0].startswith("provider/")} <= answers
    need(not opened and wanted - {None} <= set(texts.values()) and are_named,
         "a disclosure that no event commits to, or a text that is not the one an event names")
    ends = {one["recording"]: None for one in events if one["type"][:10] == "recording." and "recording" in one}
    ends.update((one["recording"], one) for one in events if one["type"] == "recording.destroyed")
    papers = json.loads(text.get("certificate.json", "null"))
    stated = {one["recording"]: one["certified"] for one in papers["recordings"]} if papers else ends
    need(stated == ends, "the certificate says of a recording what no event recording.destroyed says, or leaves it out")
    yield "OK: these %d events are in the log as it was signed with %d events%s" % (
        len(events), size, "; whether their calls have others, only the whole log shows" if proofs else "")
    cosigned = sorted((old, (moment("1970-01-01") + at * seconds).isoformat(), key_of(vkey)[0])
                      for vkey, dates in cosigned.items() for old, at in dates.items())
    for old, at, name in cosigned:
        had = "" if old == size else ", with %d events, which had %d of these" % (old, bisect.bisect_left(indexes, old))
        yield "OK: cosigned by %s at %sZ%s" % (name, at, had)
    if kept:
        yield "OK: it goes on from your checkpoint of %d events, which had %d of these" % (newest, bisect.bisect_left(indexes, newest))
    dated = [(index, event["ts"][:19], called(index, event)) for index, event in zip(indexes, events)]
    dated += [(old - 0.5, at, "the signature of %s, dated %sZ" % (name, at)) for old, at, name in cosigned]
    early, latest = [], (0, "", "")
    for one in sorted(dated):
        if one[1] < latest[1] and one[0] % 1 == 0 and moment(latest[1]) - moment(one[1]) > CLOCKS_MAY_DIFFER_S * seconds:
            early.append((one[2], latest[2]))
        latest = max(latest, one, key=lambda each: each[1])
    for found in early[:1]:
        yield ("WARNING: %s stands after %s; so do %d more. A clock was wrong, or they were written later "
               "than they say." % (*found, len(early) - 1))
    if not given:
        yield "WARNING: the key came with the bundle. Ask the log's operator for it by another way, and give it with --key."
    if alone or not (kept or witnesses):
        last = [called(index, event) for index, event in zip(indexes[-alone:], events[-alone:])]
        which = ": the last of these events, %s" % last[-1] if alone == 1 else (
            ": the last %d of these events, from %s to %s" % (alone, last[0], last[-1]))
        yield ("WARNING: checked with what the operator gave you and nothing else%s. This proves nothing against the "
               "operator, who could have made it all up yesterday. Bring a checkpoint that somebody else kept, or a witness."
               % (which if kept or witnesses else ""))

if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("bundle", nargs="?", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    for name in ("--key", "--witness", "--checkpoint"):
        asked.add_argument(name, action="append", default=[])
    given, told = asked.parse_args(), None
    try:
        need(given.bundle.is_dir(), "%s is no folder; a zip is to be unpacked first" % given.bundle)
        [key_of(vkey, (1,)) for vkey in given.key] + [key_of(vkey, (4,)) for vkey in given.witness]
        kept = [pathlib.Path(name).read_text("utf-8-sig").strip() + "\n" for name in given.checkpoint]
        kept = sum(([t] if t[0] != "{" else [json.loads(one)["checkpoint"] for one in lines(t)] for t in kept), [])
        need(all("\n\n" in note for note in kept), "a file given with --checkpoint holds no checkpoint")
        told = []
        told += verify(given.bundle, given.key, given.witness, kept)
    except Exception as problem:
        asked.error(str(problem)) if told is None else sys.exit("DOES NOT HOLD: %s" % (problem or type(problem).__name__))
    sys.stdout.reconfigure(errors="backslashreplace")
    print("\n".join(told))
