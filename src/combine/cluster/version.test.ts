import { describe, expect, it } from "vitest";
import { checkVersion } from "./version.ts";

describe("the version that came up", () => {
  it.each([
    ["1.36", "v1.36.3", true],
    ["1.36.3", "v1.36.3", true],
    ["v1.36", "v1.36.0-rc.1", true],
    ["1.36", "v1.36.3-gke.100", true],
    ["1.36", "v1.37.0", false],
    ["1.3", "v1.36.3", false],
    ["1.36.2", "v1.36.3", false],
    ["development", "v1.38.0-alpha.1.52+0123456789abcd", true],
  ])("%s is met by %s: %s", (wanted, found, met) => {
    const checked = checkVersion(wanted, found);
    expect(checked.ok).toBe(met);
    if (!checked.ok) expect(checked.error.message).toBe(`Kubernetes ${wanted} was wanted, and the cluster is ${found}`);
  });

  it("is refused where it is none of Kubernetes", () => {
    expect(checkVersion("development", "4.18")).toMatchObject({ ok: false, error: { code: "refused" } });
  });
});
