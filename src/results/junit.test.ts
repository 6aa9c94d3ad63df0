import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createJunitReader } from "./junit.ts";

describe("JUnit", () => {
  async function read(text: string) {
    const reader = createJunitReader();
    await reader.read(
      "junit.xml",
      (async function* () {
        yield text;
      })(),
    );
    return reader.summary();
  }

  it("adds up tests and keeps failures", async () => {
    const summary = await read(
      '<testsuites><testsuite name="s"><testcase name="a"/><testcase name="b"><failure message="m">why</failure></testcase><testcase name="c"><skipped/></testcase></testsuite></testsuites>',
    );
    expect(summary).toMatchObject({ passed: 1, failed: 1, skipped: 1, problems: [] });
    expect(summary.failures).toEqual([{ suite: "s", name: "b", message: "m\nwhy" }]);
  });

  it("names the position of what is not well-formed and reads no document type", async () => {
    expect((await read("<testsuite>\n<b></testsuite>")).problems[0]).toMatch(/^junit\.xml:2:/);
    expect((await read('<!DOCTYPE testsuite [<!ENTITY x "y">]><testsuite>&x;</testsuite>')).problems[0]).toContain(
      "document type",
    );
    expect((await read("<testsuite>".repeat(100))).problems[0]).toContain("nested deeper");
  });

  it("joins nested suites, and lets an error outweigh a failure and that a skip", async () => {
    const { failures, failed } = await read(
      '<testsuites><testsuite name="a"><testsuite name="b"><testcase name="c"><skipped/><failure>x</failure><error message="m"><![CDATA[<why>]]></error></testcase></testsuite></testsuite></testsuites>',
    );
    expect([failed, failures]).toEqual([1, [{ suite: "a.b", name: "c", message: "m\n<why>" }]]);
  });

  it.each([
    ["a byte order mark", "\ufeff<testsuite><testcase name='a'/></testsuite>", 1, undefined],
    ["another root", "<html/>", 0, "the root is neither"],
    ["another encoding", '<?xml version="1.0" encoding="UTF-16"?><testsuite/>', 0, 'the encoding "UTF-16" is not read'],
    ["an entity of nobody", "<testsuite>&lol;</testsuite>", 0, "not well-formed"],
    ["nothing", "", 0, "not well-formed"],
  ])("reads %s as it should", async (_, text, passed, problem) => {
    const summary = await read(text);
    expect(summary.passed).toBe(passed);
    expect(summary.problems.join()).toContain(problem ?? "");
    expect(summary.problems).toHaveLength(problem ? 1 : 0);
  });

  it("keeps little of ten megabytes of failures", async () => {
    const failure = `<testcase name="${"n".repeat(5000)}"><failure>${"f".repeat(5000)}</failure></testcase>`;
    const summary = await read(`<testsuite name="s">${failure.repeat(1000)}</testsuite>`);
    expect(summary.failed).toBe(1000);
    expect(JSON.stringify(summary).length).toBeLessThan(600_000);
  });

  it("never throws on anything", () =>
    fc.assert(fc.asyncProperty(fc.string(), async (text) => void (await read(`<testsuite>${text}`)))));
});
