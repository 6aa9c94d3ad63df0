import type { Platform } from "../oci/index.ts";

/** Names that Microsoft gives builds of Windows, as the tags of its base images have them. */
const builds: Readonly<Record<string, string>> = {
  "1809": "10.0.17763",
  ltsc2019: "10.0.17763",
  "1903": "10.0.18362",
  "1909": "10.0.18363",
  "2004": "10.0.19041",
  "20h2": "10.0.19042",
  ltsc2022: "10.0.20348",
  ltsc2025: "10.0.26100",
};

/** A platform whose `os.version` is a build number: what is known by a name, such as `ltsc2022`, is told by its number. */
export function withBuildNumber(platform: Platform): Platform {
  const build = builds[(platform["os.version"] ?? "").toLowerCase()];
  return build === undefined ? platform : { ...platform, "os.version": build };
}
