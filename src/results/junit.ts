import { SaxesParser } from "saxes";
import type { TestFailure, TestSummary } from "./model.ts";

const deepest = 64;
const mostFailures = 200;
const longestMessage = 2000;

/** Claims of a job about its tests, added up over files. */
export interface JunitReader {
  /** Reads one document, given in pieces; what is not well-formed becomes a problem with its position. */
  read(name: string, pieces: AsyncIterable<string>): Promise<void>;
  summary(): TestSummary;
}

/**
 * JUnit XML as Ginkgo, go-junit-report and gotestsum write it. Document types and entities of their own are refused, depth
 * and lengths are bounded: the file was written by a job. As TestGrid reads it: nested suites are joined with a dot, an error
 * outweighs a failure and that a skip, the message is attribute and body; unlike there a skip without a message counts.
 */
export function createJunitReader(): JunitReader {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  const failures: TestFailure[] = [];
  const problems: string[] = [];

  function parserFor(): { parser: SaxesParser; stopped: () => string | undefined } {
    const parser = new SaxesParser();
    let stop: string | undefined;
    let depth = 0;
    const suites: string[] = [];
    let test: { name: string; outcome: Outcome; messages: Record<Outcome, string> } | undefined;
    let inside: Outcome | undefined;
    const refuse = (why: string) => {
      stop ??= `${parser.line}:${parser.column + 1}: ${why}`;
    };
    const say = (text: string) => {
      if (!inside || !test) return;
      const before = test.messages[inside];
      if (before.length < longestMessage)
        test.messages[inside] = `${before}${before ? "\n" : ""}${text}`.slice(0, longestMessage);
    };
    parser.on("error", (error) => refuse(`not well-formed (${error.message.replace(/^\d+:\d+: /, "")})`));
    parser.on("doctype", () => refuse("a document type is not read"));
    parser.on("xmldecl", ({ encoding }) => {
      if (encoding !== undefined && !/^(utf-8|us-ascii)$/i.test(encoding))
        refuse(`the encoding ${JSON.stringify(encoding.slice(0, 40))} is not read, only UTF-8`);
    });
    parser.on("opentag", ({ name, attributes }) => {
      if (++depth > deepest) refuse(`nested deeper than ${deepest}`);
      if (depth === 1 && name !== "testsuites" && name !== "testsuite")
        refuse("the root is neither testsuites nor testsuite");
      if (name === "testsuite") suites.push(attribute(attributes, "name"));
      if (name === "testcase")
        test = {
          name: attribute(attributes, "name"),
          outcome: "passed",
          messages: { passed: "", skipped: "", failure: "", error: "" },
        };
      const outcome = outcomeOf(name);
      if (!test || !outcome) return;
      if (weight[outcome] > weight[test.outcome]) test.outcome = outcome;
      inside = outcome;
      const message = attribute(attributes, "message");
      if (message) say(message);
    });
    parser.on("text", say);
    parser.on("cdata", say);
    parser.on("closetag", ({ name }) => {
      depth--;
      if (outcomeOf(name)) inside = undefined;
      if (name === "testcase" && test) count(test.name, test.outcome, test.messages[test.outcome]);
      if (name === "testcase") test = undefined;
      if (name === "testsuite") suites.pop();
    });

    function count(name: string, outcome: Outcome, message: string): void {
      if (outcome === "passed") passed++;
      else if (outcome === "skipped") skipped++;
      else {
        failed++;
        const suite = suites.filter((each) => each !== "").join(".");
        if (failures.length < mostFailures)
          failures.push({ suite: suite.slice(0, longestMessage), name, message: message.trim() });
      }
    }
    return { parser, stopped: () => stop };
  }

  return {
    read: async (name, pieces) => {
      const { parser, stopped } = parserFor();
      for await (const piece of pieces) {
        parser.write(piece);
        if (stopped() !== undefined) break;
      }
      if (stopped() === undefined) parser.close();
      const why = stopped();
      if (why !== undefined) problems.push(`${name}:${why}`);
    },
    summary: () => ({ passed, failed, skipped, failures, problems }),
  };
}

type Outcome = "passed" | "skipped" | "failure" | "error";

const weight: Readonly<Record<Outcome, number>> = { passed: 0, skipped: 1, failure: 2, error: 3 };

function outcomeOf(tag: string): Outcome | undefined {
  return tag === "skipped" || tag === "failure" || tag === "error" ? tag : undefined;
}

function attribute(attributes: Readonly<Record<string, unknown>>, name: string): string {
  const value = attributes[name];
  return typeof value === "string" ? value.slice(0, 500) : "";
}
