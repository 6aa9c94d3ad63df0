import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { readPlainYaml } from "./plain-yaml.ts";
import { isProblem, readWholeYaml } from "./yaml11.ts";

function both(text: string) {
  const plain = readPlainYaml(text, new Map());
  const whole = readWholeYaml(text);
  return {
    plain: plain && JSON.stringify(plain.value),
    whole: isProblem(whole) ? whole.message : JSON.stringify(whole.value),
  };
}

describe("the plain reader", () => {
  it.each([
    "a: 1\nb:\n  c: yes\n  d:\n  - x\n  - name: y\n    z: [1, two, 'three', \"four\"]\n",
    "# comment\n\na: b # comment\nc: 'it''s'\nd: {a: b, c: [], d: {}}\n",
    "a:\n- b\n- c: d\n  e: f\n-\n  g: h\n-\nx:\n",
    "a: |\n  one\n   two\n\n  three\n\nb: |-\n  x\nc: |+\n  y\n\nd: end\n",
    "- a\n- - b\n",
    "a: b: c\n",
    "a: [1, 2\nb: 3]\n",
    "a: one\n  two\n",
    "a: &x 1\nb: *x\n",
    "<<: {a: b}\n",
    "? a\n: b\n",
    "a: >\n  folded\n  text\n",
    "---\na: b\n",
    "a: b\n---\nc: d\n",
    "a: b\n...\n",
    "a: http://x.example/y#z\nb: a#b\nc: x #y\n",
    "a: - b\n",
    "a: 'x'y\n",
    'a: "x\\ny"\n',
    "a:\tb\n",
    "\ta: b\n",
    "a: b\n c: d\n",
    "  a: b\n  c: d\n",
    "  a: b\nc: d\n",
    "a: b\r\n",
    "a: |\n  no newline at the end",
    "a: |-\n  no newline at the end",
    "a:\n  - |\n    x\n  - y\n",
    "on: 1\n1: 2\nNULL: 3\n",
    "a: {b: }\n",
    "a: {b}\n",
    "a: [b: c]\n",
    "a: [a,b]\n",
    "a: ]\n",
    "a : b\n",
    "a: b   \n",
    "a: 'b'   # c\n",
    "a: 'b'# c\n",
    "a: |\n\n  leading\n",
    "a: |\n  x\n # less\nb: c\n",
    "just text\n",
    "",
    "# nothing\n",
    "a: b\na: c\n",
    "a: ~\nb: null\nc: Null\n",
    "a: -1\nb: - \nc: --x\n",
    "a: x: y\n",
    "a: 'x': y\n",
    "a: >-\n  one\n  two\n\n  three\n\n\n  four\nb: c\n",
    "a: >\n  one\n   deeper\n  two\n",
    "a: >\n\n  leading\n",
    "a: >-\n  one  \n  two\n",
    "a: >\n  open",
    "a: >-\n  open",
    "a: >+\n  kept\n\nb: c\n",
    "a: >\n  one\n\n\nb: c\n",
    "- >-\n  one\n  two\n- x\n",
    'a: "^\\\\.md$|\\"x\\"|\\/|\\t\\n"\n',
    'a: "\\x41"\n',
    'a: "\\',
    'a: "x\\\\"\n',
    '"a\\\\b": c\n',
    'a: ["\\\\", "b"]\n',
  ])("reads %j as the whole parser does, or leaves it to it", (text) => {
    const { plain, whole } = both(text);
    if (plain !== undefined) expect(plain).toBe(whole);
  });

  it("reads what job files are made of by itself", () => {
    const text = [
      "presubmits:",
      "  org/repo:",
      "  - name: pull-x # why",
      "    always_run: true",
      '    branches: ["^main$", "^release-1\\.2$"]'.replace("\\.", "."),
      "    labels:",
      '      preset-a: "true"',
      "    spec:",
      "      containers:",
      "      - image: x:y",
      "        command: [runner.sh]",
      "        args:",
      "        - -c",
      "        - |",
      "          make test || exit 1",
      "          # not a comment",
      "        resources: {limits: {cpu: 4, memory: 9Gi}}",
      "",
    ].join("\n");
    const { plain, whole } = both(text);
    expect(plain).toBe(whole);
    expect(plain).toBeDefined();
  });

  it("never answers otherwise than the whole parser", () => {
    const scalar = fc.oneof(
      fc.constantFrom(
        "a",
        "yes",
        "1.10",
        "0x1f",
        "~",
        "",
        "a b",
        "a: b",
        "- a",
        "#x",
        "x #y",
        "'q'",
        '"d"',
        "[",
        "{x",
        "1_0",
        "<<",
        "*a",
        "@x",
        "é",
        "line\nline\n",
        "two\n\n lines",
      ),
      fc.string({ maxLength: 6 }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
    );
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        scalar,
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom("a", "b", "name", "x-y", "on", "a b", "1"), tie("tree"), { maxKeys: 3 }),
      ),
    }));
    let answered = 0;
    fc.assert(
      fc.property(tree, fc.boolean(), fc.boolean(), (value, flow, indented) => {
        const text = stringify(value, {
          collectionStyle: flow ? "flow" : "block",
          lineWidth: 0,
          indentSeq: indented,
          version: "1.1",
        });
        const { plain, whole } = both(text);
        if (plain === undefined) return;
        answered += 1;
        expect(plain).toBe(whole);
      }),
      { numRuns: 2000 },
    );
    expect(answered).toBeGreaterThan(50);
  });

  it("never answers otherwise for text that is nearly YAML", () => {
    const piece = fc.constantFrom(
      "a",
      "b:",
      ": ",
      "- ",
      "\n",
      "\n  ",
      "\n    ",
      "'",
      '"',
      "[",
      "]",
      "{",
      "}",
      ", ",
      "#",
      " #",
      "|",
      "|-",
      ">",
      "x",
      "1",
      "---",
      "&x",
      "*x",
      "!",
      "?",
      "yes",
      "\t",
      "\\",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const { plain, whole } = both(pieces.join(""));
        if (plain !== undefined) expect(plain).toBe(whole);
      }),
      { numRuns: 20_000 },
    );
  }, 180_000);
});
