import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { must, ok } from "../../core/index.ts";
import { parseDockerfile, placeOf, unsupportedIn } from "./instructions.ts";
import { splitStages } from "./stages.ts";
import { substitute } from "./substitute.ts";
import { quotedWords } from "./words.ts";

const lookup = (name: string) => ({ a: "1", empty: "", spaced: 'x "y z' })[name];

function failure(text: string) {
  const parsed = parseDockerfile("D", text);
  if (!parsed.ok) return parsed.error;
  for (const instruction of parsed.value) {
    const supported = unsupportedIn(instruction);
    if (!supported.ok) return supported.error;
  }
  return undefined;
}

describe("parseDockerfile", () => {
  it("joins continuations, leaves comments and blank lines between them out, and keeps every place", () => {
    const text = "# c\nfrom scratch\n\n  COPY --chown=1:2 \\\n# in between\n\n   one \\  \n two /x\n";
    const [from, copy] = must(parseDockerfile("D", text));
    expect(from).toMatchObject({ name: "FROM", rest: "scratch" });
    expect(copy?.flags).toMatchObject([{ name: "chown", value: "1:2" }]);
    expect(copy?.rest.split(/\s+/)).toEqual(["one", "two", "/x"]);
    if (!copy) throw new Error("no COPY");
    expect(placeOf(copy)).toEqual({ file: "D", line: 4, column: 3 });
    expect(placeOf(copy, copy.rest.indexOf("one"))).toEqual({ file: "D", line: 7, column: 4 });
    expect(placeOf(copy, copy.rest.indexOf("two"))).toEqual({ file: "D", line: 8, column: 2 });
  });

  it("obeys the escape directive at the top alone", () => {
    const windows = must(parseDockerfile("D", "# escape=`\nFROM a\nLABEL a=C:\\ `\n b=2\n"));
    expect(windows.map((each) => each.rest)).toEqual(["a", "a=C:\\  b=2"]);
    expect(must(parseDockerfile("D", "\n# escape=`\nFROM a\nUSER b`\n")).at(-1)?.rest).toBe("b`");
    expect(failure("# escape=x\nFROM a\n")?.message).toMatch(/escape directive/);
  });

  it.each([
    ["FROM a\nRUN make\n", 2, 1, /^RUN is not carried out/],
    ["FROM a\n  ADD --checksum=sha256:1 x /y\n", 2, 7, /^ADD --checksum is not/],
    ["FROM a\nCOPY <<EOF /x\nRUN nothing\nEOF\n", 2, 6, /here-documents/],
    ["FROM a\nRUN <<-'E'\n\tCOPPY\n\tE\n", 2, 1, /^RUN/],
    ["FROM a\nRUN <<E\nx\n", 2, 1, /has no end/],
    ["FROM a\nLABEL a=b \\\n  c=d\nCOPPY a b\n", 4, 1, /^COPPY is no Dockerfile instruction/],
    ["FROM a\nCOPY --parents a b\n", 2, 6, /--parents/],
    ["FROM a\nUSER\n", 2, 1, /at least one argument/],
    ["ARG a\n", 1, 1, /no FROM/],
  ])("says where and why: %j", (text, line, column, message) => {
    expect(failure(text)).toMatchObject({
      place: { file: "D", line, column },
      message: expect.stringMatching(message),
    });
  });

  it("refuses what stands before the first FROM, and bounds what it reads", () => {
    const early = splitStages(must(parseDockerfile("D", "USER a\nFROM b\n")));
    expect(!early.ok && early.error.place).toMatchObject({ line: 1, column: 1 });
    expect(failure(`FROM a\n${"USER b\n".repeat(2001)}`)?.message).toContain("2000");
    expect(failure(`FROM a\n#${"x".repeat(300_000)}`)?.message).toContain("KiB");
  });

  it("never throws, and points into the file", () => {
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom("RUN <<E", "E", "COPY a \\", "# escape=`", "LABEL a='", "FROM x AS y", "ENV a=$b", "\\"),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const text = ["FROM x", ...lines].join("\n");
        const fault = failure(text);
        const place = fault?.place;
        if (fault && !place) throw new Error("a fault without a place");
        if (place) expect(place.line).toBeLessThanOrEqual(text.split("\n").length);
      }),
    );
  });
});

describe("substitute", () => {
  it.each([
    ["$a-${a}", "1-1"],
    ["${b:-d}${a:+set}${b:+set}", "dset"],
    ["${b:-${a}x}", "1x"],
    ["${empty:-d}${empty-d}${empty:+s}${empty+s}", "ds"],
    ["\\$a '$a' \"\\$a $a\" $", "$a $a $a 1 $"],
    ["${b:-'}'}", "}"],
    ["$spaced", 'x "y z'],
    ["C\\:x", "C:x"],
    ["$1$?x", "x"],
  ])("puts values into %j", (text, expected) => {
    expect(substitute(text, lookup)).toEqual(ok(expected));
  });

  it.each([
    ["${a", /not closed/],
    ["${b:?give it}", /b is not set: give it/],
    ["${}", /names no variable/],
    ["${a%x}", /not carried out/],
    ['"a', /double quote/],
    ["'a", /single quote/],
    ["${b:-".repeat(40), /nested/],
  ])("refuses %j", (text, message) => {
    const result = substitute(text, lookup);
    expect(!result.ok && result.error.message).toMatch(message);
  });

  it("takes a backtick for the escape character where the file says so", () => {
    expect(substitute("C:\\dir`$a", lookup, "`")).toEqual(ok("C:\\dir$a"));
  });

  it("does not let variables made of variables grow without end", () => {
    expect(substitute("$v$v", () => "x".repeat(40_000)).ok).toBe(false);
  });

  it("gives back any text that was quoted", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const printed = `"${text.replace(/[\\"$]/g, "\\$&")}"`;
        expect(substitute(printed, lookup)).toEqual(ok(text));
        expect(quotedWords(`k=${printed} next`, "\\").map((word) => word.text)).toEqual([`k=${printed}`, "next"]);
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => void substitute(text, lookup)));
  });
});
