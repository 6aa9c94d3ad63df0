import { describe, expect, it } from "vitest";
import { readProw } from "../../src/config/index.ts";
import { testInfra } from "./places.ts";

const { folder, lacks } = testInfra();
const test = folder === undefined ? it.skip : it;

describe(`the job files of kubernetes/test-infra${lacks}`, () => {
  test("are all read without an error", async () => {
    const reading = await readProw({
      folder: folder ?? "",
      config: "config/prow/config.yaml",
      jobs: ["config/jobs"],
      components: {},
      worker: undefined,
      cache: undefined,
    });
    expect(reading.diagnostics.filter((each) => each.severity === "error")).toEqual([]);
    const { presubmits, postsubmits, periodics } = reading.counts;
    expect([presubmits > 2000, postsubmits > 200, periodics > 1000]).toEqual([true, true, true]);
  });
});
