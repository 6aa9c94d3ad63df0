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
 * and lengths are bounded: the file was written by a job.
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
    let test: { name: string; outcome: "passed" | "failed" | "skipped"; message: string } | undefined;
    let inside: "failure" | undefined;
    parser.on("error", (error) => {
      stop ??= `${parser.line}:${parser.column + 1}: not well-formed (${error.message.replace(/^\d+:\d+: /, "")})`;
    });
    parser.on("doctype", () => {
      stop ??= `${parser.line}:${parser.column + 1}: a document type is not read`;
    });
    parser.on("opentag", (tag) => {
      if (++depth > deepest) stop ??= `${parser.line}:${parser.column + 1}: nested deeper than ${deepest}`;
      if (tag.name === "testsuite") suites.push(attribute(tag.attributes, "name"));
      if (tag.name === "testcase") test = { name: attribute(tag.attributes, "name"), outcome: "passed", message: "" };
      if (!test) return;
      if (tag.name === "failure" || tag.name === "error") {
        test.outcome = "failed";
        test.message = attribute(tag.attributes, "message");
        inside = "failure";
      }
      if (tag.name === "skipped" && test.outcome === "passed") test.outcome = "skipped";
    });
    parser.on("text", (text) => {
      if (inside && test && test.message.length < longestMessage)
        test.message = `${test.message}${test.message ? "\n" : ""}${text}`.slice(0, longestMessage);
    });
    parser.on("closetag", (tag) => {
      depth--;
      if (tag.name === "failure" || tag.name === "error") inside = undefined;
      if (tag.name === "testsuite") suites.pop();
      if (tag.name !== "testcase" || !test) return;
      if (test.outcome === "passed") passed++;
      else if (test.outcome === "skipped") skipped++;
      else {
        failed++;
        if (failures.length < mostFailures)
          failures.push({ suite: suites.at(-1) ?? "", name: test.name, message: test.message.trim() });
      }
      test = undefined;
    });
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

function attribute(attributes: Readonly<Record<string, unknown>>, name: string): string {
  const value = attributes[name];
  return typeof value === "string" ? value.slice(0, 500) : "";
}
