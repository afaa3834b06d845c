# SPDX-License-Identifier: MIT
"""Programs that everybody has, each with real work of about the wanted length and an output that is always the same."""

import os
import subprocess

from harness import check, need

PYTHON_WORK = r"""
import json, re, sys
class Body:
    def __init__(self, place, speed):
        self.place, self.speed = place, speed
    def step(self, other):
        distance = other.place - self.place or 1
        self.speed += 1.0 / (distance * abs(distance))
        self.place += self.speed * 0.001
def fold(tree):
    return tree if isinstance(tree, int) else sum(fold(part) for part in tree) % 1000003
def grow(depth, seed):
    return seed if depth == 0 else [grow(depth - 1, seed * 7 + branch) for branch in range(3)]
bodies, words = [Body(float(i * i), 0.0) for i in range(12)], {}
for turn in range(int(sys.argv[1])):
    for one in bodies:
        for other in bodies:
            if one is not other:
                one.step(other)
    text = json.dumps({"turn": turn, "places": [round(body.place, 3) for body in bodies]})
    for number in re.findall(r"\d+\.\d", text):
        words[number] = words.get(number, 0) + len(json.loads(text)["places"])
    total = fold(grow(6, turn))
print(len(words), sum(words.values()), total, sorted(words)[:5])
"""

PERL_WORK = r"""
my ($seed, %count) = (1);
sub depth { my $level = shift; return $level <= 0 ? 1 : (1 + depth($level - 1)) % 997 }
for my $line (1 .. $ARGV[0]) {
    my $text = join " ", map { $seed = ($seed * 1103515245 + 12345) & 0x7fffffff; "word" . $seed % 4999 } 1 .. 12;
    $count{lc $1} += depth($line % 20) while $text =~ /\b([a-z]+\d+)\b/gi;
    $text =~ s/(\w+) (\w+)/$2-$1/g;
    $count{length $text}++;
}
my @words = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
print "$_ $count{$_}\n" for @words[0 .. 20];
"""

SQLITE_WORK = """
create table item(id integer primary key, owner integer, price integer, name text);
with recursive n(i, r) as
    (select 1, 1 union all select i + 1, (r * 1103515245 + 12345) & 2147483647 from n where i < {rows})
insert into item select i, r % 5003, (r >> 7) % 9973, 'name' || (r % 7919) from n;
create index by_owner on item(owner, price);
create index by_name on item(name);
select owner, count(*), sum(price), max(name) from item group by owner having sum(price) > 90000
    order by 3 desc, 1 limit 20;
select count(*) from item a join item b on a.owner = b.owner and a.price < b.price where a.name like '%11%';
select substr(name, 1, 5), avg(price), count(distinct owner) from item group by 1 order by 1;
delete from item where price % 3 = 0;
select count(*), sum(length(name)) from item where name between 'name2' and 'name5';
"""

NODE_WORK = r"""
const rounds = Number(process.argv[2]);
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
let seed = 1, total = 0;
const next = () => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff);
for (let round = 0; round < rounds; round++) {
  const rows = [];
  for (let i = 0; i < 6000; i++) {
    rows.push({ key: 'k' + next() % 1000, value: next() % 5000, tags: [next() % 7, next() % 11] });
  }
  const text = JSON.stringify(rows);
  const groups = new Map();
  for (const row of JSON.parse(text)) groups.set(row.key, (groups.get(row.key) || 0) + row.value + row.tags[0]);
  const sorted = [...groups].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  total = (total + sorted[0][1] + (text.match(/"k\d*7"/g) || []).length + fib(18)) % 1000003;
}
console.log(total);
"""

# The single-file C libraries of Debian's libstb-dev, compiled as one file: real C, and enough of it to last.
C_LIBRARIES = """
#define STB_{0}_IMPLEMENTATION
#include <stb/stb_{1}.h>
"""
C_SOME = ("image", "truetype")
C_ALL = C_SOME + ("image_write", "image_resize", "dxt", "ds", "sprintf", "hexwave", "c_lexer")


class Workloads:
    """Makes what the programs work on in a folder, and gives their command lines for a length of about `seconds`."""

    def __init__(self, folder, seconds):
        self.folder = folder
        self.seconds = seconds

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return path

    def count(self, per_second):
        return str(max(1, round(self.seconds * per_second)))

    def binary_data(self, megabytes):
        """A file of code and data taken from the compiler's own binary."""
        path = os.path.join(self.folder, f"data-{megabytes}.bin")
        if not os.path.exists(path):
            with open(self.compiler(), "rb") as source, open(path, "wb") as out:
                out.write(source.read(megabytes << 20))
        return path

    def compiler(self):
        path = subprocess.run([need("gcc"), "-print-prog-name=cc1"], capture_output=True, text=True, check=True)
        return path.stdout.strip()

    def c_source(self):
        names = C_ALL if self.seconds > 3 else C_SOME
        return self.file("library.c", "".join(C_LIBRARIES.format(name.upper(), name) for name in names))

    def python3(self):
        return [need("python3"), "-I", self.file("work.py", PYTHON_WORK), self.count(3600)]

    def perl(self):
        return [need("perl"), self.file("work.pl", PERL_WORK), self.count(46000)]

    def sqlite3(self):
        rows = self.count(190000)
        return [need("sqlite3"), ":memory:", SQLITE_WORK.format(rows=rows)]

    def objdump(self):
        # A piece of the compiler's code, more than once where that is too little: objdump takes each file anew.
        first, length, times = 0x640000, self.seconds * 4500000, 1 if self.seconds <= 3 else 3
        return [need("objdump"), "-d", "--no-show-raw-insn", f"--start-address={first}",
                f"--stop-address={first + int(length / times)}", *[self.compiler()] * times]

    def xz(self):
        data = self.binary_data(max(2, round(self.seconds * 2)))
        return [need("xz"), "-6", "-T1", "-k", "-c", data]

    def openssl(self):
        return [need("openssl"), "kdf", "-keylen", "32", "-kdfopt", "digest:SHA512", "-kdfopt", "pass:word", "-kdfopt",
                "salt:grain", "-kdfopt", "iter:" + self.count(2100000), "PBKDF2"]

    def cc1(self):
        source = self.c_source()
        prepared = source[:-1] + "i"
        prepare = [need("gcc"), "-E", "-O2", source, "-o", prepared]
        made = subprocess.run(prepare, capture_output=True, text=True, check=False)
        check(made.returncode == 0, f"gcc -E fails, is libstb-dev installed? {made.stderr[:200]}")
        return [self.compiler(), "-quiet", "-O2", prepared, "-o", "-"]

    def clang(self):
        return [need("clang"), "-O2", "-w", "-S", self.c_source(), "-o", "-"]

    def node(self):
        return [need("node"), self.file("work.js", NODE_WORK), self.count(230)]


NAMES = ("python3", "perl", "sqlite3", "objdump", "xz", "openssl", "cc1", "clang", "node")


def command(folder, name, seconds):
    """The command line of one program, for about that many seconds of CPU time on a usual machine."""
    return getattr(Workloads(folder, seconds), name)()
