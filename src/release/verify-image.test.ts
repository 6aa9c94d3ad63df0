import { describe, expect, it } from "vitest";
import { missingPlatform } from "./verify-image.ts";

const linux = (architecture: string, variant?: string) => ({ os: "linux", architecture, variant });
const windows = (version: string) => ({ os: "windows", architecture: "amd64", "os.version": version });
const released = (...platforms: readonly ReturnType<typeof linux>[]) => ({ version: "v1.0.0", platforms });

describe("the platforms of a release", () => {
  it("are those declared, several builds of Windows counted one by one", () => {
    const has = [linux("amd64"), linux("arm64", "v8"), windows("10.0.17763.1")];
    expect(missingPlatform(has, { declared: [linux("amd64"), linux("arm64")], before: undefined })).toBeUndefined();
    const declared = [linux("amd64"), linux("arm", "v7")];
    expect(missingPlatform(has, { declared, before: undefined })).toBe(
      "it has nothing for linux/arm/v7, which the release configuration lists",
    );
    const both = [windows("10.0.17763"), windows("10.0.20348")];
    expect(missingPlatform(has, { declared: both, before: undefined })).toContain("windows/amd64");
  });

  it("are no fewer than those of the release before", () => {
    const has = [linux("amd64")];
    expect(missingPlatform(has, { declared: has, before: released(linux("amd64")) })).toBeUndefined();
    expect(missingPlatform(has, { declared: has, before: released(linux("amd64"), linux("s390x")) })).toBe(
      "it has nothing for linux/s390x, which v1.0.0 has; a new major may leave a platform out",
    );
  });
});
