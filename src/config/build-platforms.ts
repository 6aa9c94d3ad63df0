import type { Platform, ReleasePlatform } from "../family/index.ts";

/** One entry of `BUILD_PLATFORMS` of kubernetes-csi's `build.make`, as it stands there, and what it means. */
export interface BuildPlatform {
  readonly text: string;
  readonly platform: Platform;
  /** What is appended to the name of the binary: `.exe`, `-arm64`. */
  readonly suffix: string;
  /** Bases of Windows images: `nanoserver:1809`, `servercore:ltsc2019`. */
  readonly base: string | undefined;
  readonly addon: string | undefined;
}

/**
 * The platforms that `CSI_PROW_BUILD_PLATFORMS` asks for: the job's own word, else that of `.prow.sh`, else what
 * `release-tools/prow.sh` has in store. `undefined`: nobody says any. The text ends up in a shell script, so an entry is
 * read only where it consists of the characters of names.
 */
export function buildPlatformsOf(
  scripts: readonly (string | undefined)[],
  wanted: string | undefined,
): readonly BuildPlatform[] | undefined {
  const said = wanted ?? scripts.map((script) => assigned(script ?? "")).find((text) => text !== undefined);
  if (said === undefined || !/^[A-Za-z0-9 ;:./_-]*$/.test(said)) return undefined;
  const platforms = said.split(";").flatMap((entry) => buildPlatform(entry.trim()) ?? []);
  return platforms.length === 0 ? undefined : platforms;
}

function assigned(script: string): string | undefined {
  const found =
    /^\s*configvar CSI_PROW_BUILD_PLATFORMS "([^"\n]*)"/m.exec(script) ??
    /^\s*(?:export\s+|:\s*"?\$\{)?CSI_PROW_BUILD_PLATFORMS:?=\s*["']?([^"'}\n]*)/m.exec(script);
  return found?.[1];
}

/** `os arch platform suffix base addon`; before 2021-12 there was no platform, and the suffix stood third. */
function buildPlatform(text: string): BuildPlatform | undefined {
  const [os, architecture, ...more] = text.split(/\s+/);
  if (os === undefined || os === "" || architecture === undefined) return undefined;
  const old = more[0] === undefined || /^[-.]/.test(more[0]);
  const [buildx = architecture, suffix = "", base, addon] = old ? [architecture, ...more] : more;
  const [, variant] = buildx.split("/");
  const platform = { os, architecture, variant, osVersion: os === "windows" ? base?.split(":")[1] : undefined };
  return { text, platform, suffix, base, addon };
}

/** Dockerfiles of one command, with their texts. */
export interface CommandDockerfiles {
  readonly linux: { readonly path: string; readonly text: string };
  readonly windows: { readonly path: string; readonly text: string } | undefined;
}

/**
 * What `push-multiarch` of `build.make` would build for one command, with the build arguments that it would give and the
 * Dockerfile declares. A Dockerfile without `ARG binary` takes the one binary that has no suffix; where there is no
 * Dockerfile for Windows there are no images for it.
 */
export function imagePlatforms(
  command: string,
  platforms: readonly BuildPlatform[],
  dockerfiles: CommandDockerfiles,
): readonly { readonly entry: string; readonly platform: ReleasePlatform }[] {
  return platforms.flatMap((each) => {
    const windows = each.platform.os === "windows";
    const file = windows ? dockerfiles.windows : dockerfiles.linux;
    if (file === undefined) return [];
    const declares = (name: string) => declaredArguments(file.text).includes(name);
    if (!windows && each.suffix !== "" && !declares("binary")) return [];
    const args: Readonly<Record<string, string | undefined>> = {
      binary: `./bin/${command}${each.suffix}`,
      ARCH: each.platform.architecture,
      BASE_IMAGE: each.base,
      ADDON_IMAGE: each.addon,
    };
    const given = Object.entries(args).flatMap(([name, value]) =>
      value !== undefined && declares(name) ? [[name, value] as const] : [],
    );
    const dockerfile = windows ? file.path : undefined;
    const platform = { platform: each.platform, dockerfile, args: Object.fromEntries(given), suffix: each.suffix };
    return [{ entry: each.text, platform }];
  });
}

function declaredArguments(dockerfile: string): readonly string[] {
  return [...dockerfile.matchAll(/^\s*ARG\s+(\w+)/gim)].map((match) => match[1] ?? "");
}
