#!/usr/bin/env python3
"""Make plain text files out of two Debian packages (standard library only).

Needs, as files, nothing installed (bookworm's versions in brackets):

  r-cran-janeaustenr (1.0.0-1)   the six novels of Jane Austen, about 720,000
                                 words, public domain
  jargon-text (4.4.7-4.1)        the Jargon File, about 230,000 words, public
                                 domain

    mkdir pkgs && cd pkgs
    apt-get download r-cran-janeaustenr jargon-text
    for f in *.deb; do dpkg -x "$f" .; done
    python3 texts.py --root pkgs --out text

writes text/austen.txt and text/jargon.txt in UTF-8: a paragraph a line.
(With the packages installed, --root / does.) The novels lie in an R database
of strings; the little of R's format that it takes is read here, so R itself
is not needed.
"""

import argparse
import gzip
import pathlib
import re
import struct
import zlib

AUSTEN = "usr/lib/R/site-library/janeaustenr/data/Rdata.rdb"
JARGON = "usr/share/doc/jargon-text/jargon.txt.gz"


def r_strings(data):
    """The strings of one serialised R character vector (XDR, version 3)."""
    if data[:6] != b"X\n\x00\x00\x00\x03":
        raise ValueError("not an R serialisation of version 3")
    at = 14  # format, version, writer's and least version
    (size,) = struct.unpack_from(">i", data, at)
    at += 4 + size  # the native encoding
    kind, count = struct.unpack_from(">ii", data, at)
    if kind & 0xFF != 16:
        raise ValueError("not an R character vector")
    at += 8
    lines = []
    for _ in range(count):
        flags, size = struct.unpack_from(">ii", data, at)
        if flags & 0xFF != 9:
            raise ValueError("not an R string")
        at += 8
        size = max(size, 0)  # -1: a missing string
        lines.append(data[at : at + size].decode("utf-8"))
        at += size
    return lines


def r_database(path):
    """Each entry of a lazy-load database: length, then a zlib stream."""
    data = path.read_bytes()
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        stream = zlib.decompressobj()
        entry = stream.decompress(data[at + 4 :])
        if len(entry) != size:
            raise ValueError(f"{path}: an entry of {len(entry)} bytes, not {size}")
        at = len(data) - len(stream.unused_data)
        yield entry


def paragraphs(lines, least):
    """Lines joined up to the next empty one; those of few words left out."""
    joined = []
    for line in [*lines, ""]:
        if line.strip():
            joined.append(line.strip())
        elif joined:
            text = re.sub(r"\s+", " ", " ".join(joined))
            joined = []
            if len(re.findall(r"[A-Za-z]{2,}", text)) >= least:
                yield text


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=pathlib.Path, required=True,
                        help="folder the packages were unpacked in (/ if installed)")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder to write to")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    austen = [line for entry in r_database(args.root / AUSTEN) for line in [*r_strings(entry), ""]]
    with gzip.open(args.root / JARGON, "rb") as file:
        jargon = file.read().decode("utf-8", errors="replace").splitlines()
    # The Jargon File lists its 2,300 headwords a paragraph each: no prose.
    for name, lines, least in (("austen", austen, 3), ("jargon", jargon, 6)):
        found = list(paragraphs(lines, least))
        path = args.out / f"{name}.txt"
        path.write_text("\n".join(found) + "\n", encoding="utf-8")
        words = sum(len(p.split()) for p in found)
        print(f"{path}: {len(found):,} paragraphs, {words:,} words, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
