"""The `Math:` text of a docstring as MathML, which browsers set by themselves.

    mathml("out = e^input / sum e^input", names={"input", "out"})

gives one <math> for each statement. What is no formula becomes text. How it is read:

- `a / b` is a fraction of the product before it and the one factor after it. Without spaces
  (`1/2 x`) it takes only the factor before it.
- `x^2`, `e^-x`, `x_i`, `sum_{i, j}` are raised and lowered. A bracket after ^ or / is left out.
- `sum`, `prod`, `integral`, `sqrt(x)`, `|x|` and Greek names get their signs; `<=`, `!=` too.
- A word is a name if `names` holds it, if it has one letter, or if it calls or indexes. All other
  words are text.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from html import escape

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "eps": "ε", "epsilon": "ε", "eta": "η",
    "lambda": "λ", "mu": "μ", "phi": "φ", "Phi": "Φ", "pi": "π", "psi": "ψ", "rho": "ρ",
    "sigma": "σ", "tau": "τ", "theta": "θ", "inf": "∞", "Gamma": "Γ",
}  # fmt: skip
LARGE = {"sum": "∑", "prod": "∏", "integral": "∫"}
FUNCTIONS = set(
    "sin cos tan sinh cosh tanh arcsin arccos arctan arsinh arcosh artanh exp ln log log2 log10"
    " log1p min max mean var erf erfc sign floor ceil round clamp det diag skew sigmoid softmax"
    " relu".split()
)
SIGNS = {
    "<=": "≤", ">=": "≥", "!=": "≠", "->": "→", "+-": "±", "-": "−", "*": "∗", "...": "…",
    "..": "…", "+=": "+=", "<<": "≪", ">>": "≫", "==": "=",
}  # fmt: skip
CLOSER = {"(": ")", "[": "]", "{": "}"}
OPERATORS = set("+ - − = < > ≤ ≥ ≠ → ← ± ∗ * · × ≪ ≫ += : , | @ ∈ & % ~ \\".split())
TOKEN = re.compile(
    r"(?P<number>\d+(?:\.\d+)?(?:e-?\d+)?)|(?P<word>[^\W\d_](?:\w*[^\W_])?'*)"
    r"|(?P<sign><=|>=|!=|->|\+-|\+=|<<|>>|==|\.\.\.|\.\.|_|[^\w\s])"
)
SPACE = '<mspace width="0.22em"/>'
GAP = '<mspace width="0.3em"/>'


class Token:
    """One piece of the text, and whether a space stands before it."""

    def __init__(self, kind: str, text: str, spaced: bool):
        self.kind, self.text, self.spaced = kind, text, spaced


def tokens(text: str) -> list[Token]:
    found, end = [], 0
    for match in TOKEN.finditer(text):
        found.append(Token(str(match.lastgroup), match[0], match.start() > end))
        end = match.end()
    return found


def mathml(text: str, names: Collection[str] = (), *, block: bool = True) -> list[str]:
    """One <math> element for each statement of the text.

    Args: names: words that are names of values, such as an op's arguments.
        block: each on a line of its own, with large sums; else within a line.
    """
    display = ' display="block"' if block else ""
    return [
        f"<math{display}>{Reader(tokens(part), names).row()}</math>" for part in statements(text)
    ]


def statements(text: str) -> list[str]:
    """The text between semicolons and between sentences, outside brackets."""
    found, depth, start = [], 0, 0
    for i, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        ends = letter == ";" or text[i : i + 2] == ". "
        if ends and depth == 0:
            found.append(text[start:i])
            start = i + 1
    parts = [part.strip().rstrip(".") for part in [*found, text[start:]]]
    return [part for part in parts if part]


class Reader:
    """Reads tokens from left to right; each method returns MathML."""

    def __init__(self, found: list[Token], names: Collection[str]):
        self.tokens, self.names, self.at = found, set(names) | {"out", "g"}, 0

    def next(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self) -> Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def sees(self, text: str) -> bool:
        token = self.next()
        return token is not None and token.text == text

    # ---- rows

    def row(self, closer: str = "") -> str:
        """Everything up to the closing sign, as one <mrow>."""
        parts: list[str] = []
        factors: list[str] = []  # the product so far, which a "/" would divide
        while (token := self.next()) and token.text != closer:
            if token.text == "/" and factors:
                self.divide(factors)
            elif self.is_text(token):
                parts += [*spaced(factors), self.words()]
                factors = []
            elif token.text in OPERATORS and not (token.text == "|" and closer != "|"):
                parts += [*spaced(factors), self.sign()]
                factors = []
            else:
                factors.append(self.factor())
        return f"<mrow>{''.join([*parts, *spaced(factors)])}</mrow>"

    def divide(self, factors: list[str]) -> None:
        """Put what came before over the next factor."""
        tight = not self.take().spaced
        below = self.denominator()
        if tight:
            above = factors.pop()
        else:
            above = f"<mrow>{''.join(spaced(factors))}</mrow>" if len(factors) > 1 else factors[0]
            factors.clear()
        factors.append(f"<mfrac>{unwrapped(above)}{unwrapped(below)}</mfrac>")

    def denominator(self) -> str:
        token = self.next()
        if token is None:
            return "<mrow></mrow>"
        return self.words() if self.is_text(token) else self.factor()

    def sign(self) -> str:
        text = self.take().text
        if text == ",":
            return f"<mo separator='true'>,</mo>{SPACE}" if self.next() else "<mo>,</mo>"
        if text == ":":
            return "<mo lspace='0' rspace='0.2em'>:</mo>"
        return f"<mo>{escape(SIGNS.get(text, text))}</mo>"

    # ---- text

    def is_text(self, token: Token) -> bool:
        """Whether a word belongs to the prose."""
        if token.kind != "word" or self.is_name(token.text):
            return token.text in ('"', ".") or (token.text == "a" and self.article())
        after = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else None
        called = after is not None and after.text in ("(", "[", "^") and not after.spaced
        return not called

    def article(self) -> bool:
        """Whether an `a` here stands before a word of prose."""
        if self.at + 1 >= len(self.tokens):
            return False
        after = self.tokens[self.at + 1]
        return after.kind == "word" and not self.is_name(after.text)

    def is_name(self, word: str) -> bool:
        base = word.split("_")[0].rstrip("'")
        known = self.names | GREEK.keys() | LARGE.keys() | FUNCTIONS | {"sqrt"}
        return word in known or base in known or len(base) == 1 or bool(re.search(r"\d$", base))

    def words(self) -> str:
        """A run of prose, with space on the sides where a formula stands."""
        found: list[str] = []
        left = self.at > 0 and self.tokens[self.at - 1].text not in OPERATORS | CLOSER.keys()
        while (token := self.next()) and self.is_text(token):
            found += [" " if token.spaced and found else "", self.take().text]
        after = self.next()
        right = after is not None and after.text not in OPERATORS | set(CLOSER.values())
        text = f"<mtext>{escape(''.join(found))}</mtext>"
        return f"{GAP if left else ''}{text}{GAP if right else ''}"

    # ---- factors

    def factor(self) -> str:
        """One thing with what is raised, lowered, called or indexed on it."""
        token = self.take()
        if token.kind == "number":
            return self.scripts(f"<mn>{token.text}</mn>")
        if token.kind == "word":
            return self.word(token.text)
        if token.text == "|" or token.text in CLOSER:
            return self.scripts(self.fenced(token.text))
        return f"<mo>{escape(SIGNS.get(token.text, token.text))}</mo>"

    def fenced(self, opener: str) -> str:
        closer = CLOSER.get(opener, "|")
        inside = self.row(closer)
        if self.sees(closer):
            self.take()
        if opener == "|":
            return f"<mrow><mo fence='true'>|</mo>{inside}<mo fence='true'>|</mo></mrow>"
        return f"<mrow><mo>{opener}</mo>{inside}<mo>{closer}</mo></mrow>"

    def word(self, word: str) -> str:
        if word == "d" and (token := self.next()) and token.kind == "word" and token.spaced:
            return f"<mrow><mi mathvariant='normal'>d</mi>{SPACE}{self.factor()}</mrow>"
        name, _, below = word.partition("_")
        if word in self.names or (below and not self.lowers(name, below)):
            name, below = word, ""
        if name == "sqrt" and self.sees("("):
            self.take()
            return self.scripts(f"<msqrt>{self.closed(')')}</msqrt>")
        if name in LARGE:
            return self.scripts(f"<mo>{LARGE[name]}</mo>", below, large=True)
        whole = self.scripts(identifier(name), below)
        token = self.next()
        if token and token.text in ("(", "[") and not token.spaced:
            inside = self.fenced(self.take().text)
            return self.scripts(f"<mrow>{whole}{inside}</mrow>")
        if name in FUNCTIONS and token and token.text not in OPERATORS and token.text not in ")]}/":
            return f"<mrow>{whole}{SPACE}{self.factor()}</mrow>"
        return whole

    def lowers(self, name: str, below: str) -> bool:
        """Whether `below` is an index of the name, not a part of it."""
        return len(below) <= 3 or name in LARGE or name in self.names or len(name) == 1

    def closed(self, closer: str) -> str:
        inside = self.row(closer)
        if self.next():
            self.take()
        return inside

    def scripts(self, base: str, below: str = "", *, large: bool = False) -> str:
        """The base with its index and exponent, if there are any."""
        lower = identifier(below) if below else ""
        upper = ""
        while (token := self.next()) and token.text in ("_", "^") and not token.spaced:
            if self.take().text == "_":
                lower = self.script()
            else:
                upper = self.script()
        both = "munderover" if large else "msubsup"
        under, over = ("munder", "mover") if large else ("msub", "msup")
        if lower and upper:
            return f"<{both}>{base}{lower}{upper}</{both}>"
        if lower or upper:
            kind = under if lower else over
            return f"<{kind}>{base}{lower or upper}</{kind}>"
        return base

    def script(self) -> str:
        """What follows ^ or _: one factor, with a sign before it if there is one."""
        before = ""
        while (token := self.next()) and token.text in ("-", "−", "+-"):
            before += f"<mo>{SIGNS.get(self.take().text, '−')}</mo>"
        inside = unwrapped(self.factor()) if self.next() else ""
        return f"<mrow>{before}{inside}</mrow>"


def identifier(name: str) -> str:
    """A name; longer ones are set upright, as the browser does."""
    base = name.rstrip("'")
    primes = "′" * (len(name) - len(base))
    return f"<mi>{escape(GREEK.get(base, base) + primes)}</mi>"


def spaced(factors: list[str]) -> list[str]:
    """The factors of a product, with a little space between them."""
    return [piece for factor in factors for piece in (SPACE, factor)][1:]


def unwrapped(text: str) -> str:
    """Without the brackets that a fraction or an exponent replaces."""
    for opener, closer in (("(", ")"), ("{", "}")):
        start, end = f"<mrow><mo>{opener}</mo>", f"<mo>{closer}</mo></mrow>"
        if text.startswith(start) and text.endswith(end) and encloses(text):
            return text[len(start) : -len(end)]
    return text


def encloses(text: str) -> bool:
    """Whether the first <mrow> ends at the end of the text."""
    depth = 0
    for match in re.finditer(r"<(/?)mrow>", text):
        depth += -1 if match[1] else 1
        if depth == 0:
            return match.end() == len(text)
    return False
