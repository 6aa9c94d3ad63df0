import { describe, expect, it } from "vitest";
import { idOf, sampleComponent, sampleFacts, sampleFamily } from "../../test/fixtures/sample-model.ts";
import { decide } from "./decide.ts";
import type { Facts, ReleasedEvent } from "./model.ts";

const e2e = {
  deployment: undefined,
  ref: undefined,
  others: "pinned" as const,
  folder: "deploy",
  script: undefined,
  test: undefined,
  driver: undefined,
  suites: {},
  readyMs: 1,
  env: {},
};
const lanes = {
  everyMs: 1,
  ref: "main",
  stable: "deploy",
  canary: "deploy",
  env: {},
  canaryEnv: {},
  developmentEnv: {},
};
const components = [sampleComponent({ name: "greeter" }), sampleComponent({ name: "driver", kind: "deployment" })];
const kubernetes = { ...sampleFamily().kubernetes, cluster: "command" as const, e2e };
const family = sampleFamily({ components, kubernetes, lanes });

function planned(release: Partial<ReleasedEvent["release"]>, facts: Partial<Facts>) {
  const event: ReleasedEvent = {
    kind: "released",
    component: "greeter",
    at: 1,
    actor: undefined,
    release: {
      id: "greeter@v1.0.0-rc1",
      version: "v1.0.0-rc1",
      commit: idOf("a"),
      prerelease: true,
      run: "r",
      ...release,
    },
  };
  const deployments = [{ name: "driver", starts: { value: true } }];
  return decide(event, sampleFacts({ family, component: components[0], deployments, ...facts }));
}

describe("a published release", () => {
  it("is tried in the stable lane of the deployments that start it, and judged by that", () => {
    const { runs } = planned({}, {});
    expect(runs).toMatchObject([
      { component: "driver", type: "periodic", tier: "branch", judges: "greeter@v1.0.0-rc1", ref: "refs/heads/main" },
    ]);
    expect(runs[0]?.job.body).toMatchObject({
      cluster: { replaced: [{ component: "greeter", version: "v1.0.0-rc1", run: "r" }] },
    });
    expect(runs[0]?.reason).toContain("before its final is tagged");
    expect(planned({ prerelease: false }, {}).runs[0]?.reason).toContain("before the deployment is offered it");
  });

  it("is not tried where nothing starts it, where that is not known, or without images, and each is said", () => {
    const reasons = (...args: Parameters<typeof planned>) => {
      const { runs, skipped } = planned(...args);
      return [runs.length, ...skipped.map((each) => each.reason)];
    };
    const starts = (value: NonNullable<Facts["deployments"]>[number]["starts"]) => ({
      deployments: [{ name: "driver", starts: value }],
    });
    expect(reasons({}, starts({ value: false }))).toEqual([0, "driver starts no image of greeter"]);
    expect(reasons({}, starts({ unknown: "it is a template" }))).toEqual([
      0,
      "what driver starts is not known: it is a template",
    ]);
    expect(reasons({ run: undefined }, {})).toEqual([0, "greeter@v1.0.0-rc1 has no images"]);
    expect(reasons({}, { family: { ...family, lanes: undefined } })).toEqual([0]);
  });
});
