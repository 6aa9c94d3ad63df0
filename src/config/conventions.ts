import { compilePattern, err, fault, ok, type Result } from "../core/index.ts";
import type { Component, Platform, ReleaseConfiguration, ReleaseImage } from "../family/index.ts";
import { type BuildPlatform, buildPlatformsOf, imagePlatforms } from "./build-platforms.ts";
import { needsOf } from "./needs.ts";

/** Files of a revision, read from git objects. */
export interface RevisionFiles {
  read(path: string): Promise<string | undefined>;
  list(prefix: string): Promise<readonly string[]>;
}

export interface ConventionFacts {
  /** Is there a cluster that `.prow.sh` of a kubernetes-csi component could test in? */
  readonly cluster: boolean;
  readonly here: Platform;
}

/**
 * What to do in a repository without `.fairlead.yaml`. Prow: `.prow.sh` is handed control. A kubernetes-csi component
 * whose tests in clusters are opted out is built and unit-tested by the same make targets that its `.prow.sh` calls,
 * since the script itself also starts a container engine. Images: one a command of `CMDS` on the platforms of
 * `CSI_PROW_BUILD_PLATFORMS`, none for a library.
 */
export async function readConventions(
  files: RevisionFiles,
  component: Component,
  facts: ConventionFacts,
): Promise<Result<ReleaseConfiguration>> {
  const [prowScript, makefile, tools] = await Promise.all(
    [".prow.sh", "Makefile", "release-tools/prow.sh"].map((path) => files.read(path)),
  );
  const usesReleaseTools = /^\s*-?include\s+release-tools\/build\.make/m.test(makefile ?? "");
  const commands = commandsOf(makefile ?? "");
  const wanted = buildPlatformsOf([prowScript, tools], component.jobs.env["CSI_PROW_BUILD_PLATFORMS"]);
  const { images, entries } =
    component.kind === "internal"
      ? { images: [], entries: [] }
      : await imagesOf(files, commands, usesReleaseTools ? wanted : undefined, facts.here);
  const go = await goOf(files);
  const nothing = {
    toolchain: go === undefined ? {} : { go },
    push: undefined,
    images,
    files: [],
    pins: component.kind === "deployment" ? ["deploy/**/*.{yaml,patch}"] : [],
    shared: usesReleaseTools ? { "release-tools": "csi-release-tools" } : {},
  };
  const imageNote = images.length > 0 ? `, images of CMDS (${images.map((image) => image.name).join(", ")})` : "";

  if (makefile !== undefined && usesReleaseTools && prowScript !== undefined && !facts.cluster) {
    const platforms = entries.length === 0 ? "" : ` "BUILD_PLATFORMS=${entries.join("; ")}"`;
    return ok({
      ...nothing,
      origin: `the kubernetes-csi convention: make all, make test${imageNote}`,
      build: commands.length > 0 || hasTarget(makefile, "all") ? `make all${platforms}` : undefined,
      test: "make -k test",
      needs: ["make", "go", "bash"],
    });
  }
  if (prowScript !== undefined) {
    const script = await withSources(files, prowScript);
    return ok({
      ...nothing,
      origin: `the convention: .prow.sh${imageNote}`,
      build: undefined,
      test: "./.prow.sh",
      needs: usesReleaseTools ? ["make", "go", "bash", "container-engine", "cluster"] : needsOf(script),
    });
  }
  if (makefile !== undefined && hasTarget(makefile, "test")) {
    return ok({
      ...nothing,
      origin: `the convention: make test${imageNote}`,
      build: commands.length > 0 && hasTarget(makefile, "all") ? "make all" : undefined,
      test: "make test",
      needs: [...new Set(["make", ...needsOf(makefile)])].filter((need) => need !== "cluster"),
    });
  }
  return err(
    fault("bad-input", "there is nothing to run: no .fairlead.yaml, no .prow.sh, and no Makefile with a test target", {
      hint: usesReleaseTools
        ? "its Makefile includes release-tools/build.make, so add a .fairlead.yaml with `test: make test`"
        : "add a .fairlead.yaml with `test: …`; the smallest is one line",
    }),
  );
}

/**
 * The Go that a revision asks for: exactly the one of `release-tools/prow.sh`, which its script would fetch itself, else at
 * least the one of `go.mod`.
 */
async function goOf(files: RevisionFiles): Promise<string | undefined> {
  const [script, module] = await Promise.all([files.read("release-tools/prow.sh"), files.read("go.mod")]);
  const exact = /^configvar CSI_PROW_GO_VERSION_BUILD "?(\d{1,4}\.\d{1,4}(?:\.\d{1,4})?)"?(?:\s|$)/m.exec(
    script ?? "",
  )?.[1];
  if (exact !== undefined) return exact;
  const wanted =
    /^toolchain go(\d{1,4}\.\d{1,4}(?:\.\d{1,4})?)\s*$/m.exec(module ?? "")?.[1] ??
    /^go (\d{1,4}\.\d{1,4}(?:\.\d{1,4})?)\s*$/m.exec(module ?? "")?.[1];
  if (wanted === undefined) return undefined;
  // Since 1.21 the first release of a line is called 1.N.0.
  return `>=${/^\d+\.\d+$/.test(wanted) && Number(wanted.split(".")[1]) >= 21 ? `${wanted}.0` : wanted}`;
}

/** `CMDS=` of a Makefile: names of commands, empty for a library. */
export function commandsOf(makefile: string): readonly string[] {
  const found = /^\s*CMDS\s*[:?]?=(.*)$/m.exec(makefile)?.[1] ?? "";
  return found
    .replace(/#.*/, "")
    .split(/\s+/)
    .filter((name) => /^[a-z0-9]+([._-]+[a-z0-9]+)*$/.test(name))
    .slice(0, 50);
}

/** One image a command that has a Dockerfile, and the entries of `BUILD_PLATFORMS` that any of them needs, in order. */
async function imagesOf(
  files: RevisionFiles,
  commands: readonly string[],
  wanted: readonly BuildPlatform[] | undefined,
  here: Platform,
): Promise<{ readonly images: readonly ReleaseImage[]; readonly entries: readonly string[] }> {
  const images: ReleaseImage[] = [];
  const needed = new Set<string>();
  for (const name of commands) {
    const linux = await firstOf(files, [`cmd/${name}/Dockerfile`, "Dockerfile"]);
    if (linux === undefined) continue;
    const windows = await firstOf(files, [`cmd/${name}/Dockerfile.Windows`, "Dockerfile.Windows"]);
    const made = imagePlatforms(name, wanted ?? [], { linux, windows });
    for (const { entry } of made) needed.add(entry);
    const platforms =
      made.length > 0
        ? made.map(({ platform }) => platform)
        : [{ platform: here, dockerfile: undefined, args: {}, suffix: "" }];
    images.push({ name, dockerfile: linux.path, platforms, args: {}, version: undefined, builder: undefined });
  }
  const entries = (wanted ?? []).map(({ text }) => text).filter((text) => needed.has(text));
  return { images, entries };
}

async function firstOf(files: RevisionFiles, paths: readonly string[]) {
  for (const path of paths) {
    const text = await files.read(path);
    if (text !== undefined) return { path, text };
  }
  return undefined;
}

function hasTarget(makefile: string, target: string): boolean {
  const pattern = compilePattern(`(?m)^${target}\\s*:`);
  return pattern.ok && pattern.value.matches(makefile);
}

/** The script with the files that it sources, one level deep, so that what they start is seen. */
async function withSources(files: RevisionFiles, script: string): Promise<string> {
  const names = [...script.matchAll(/^\s*(?:\.|source)\s+([A-Za-z0-9._/-]+)/gm)].map((match) => match[1] ?? "");
  const sources = await Promise.all(names.slice(0, 5).map((name) => files.read(name.replace(/^\.\//, ""))));
  return [script, ...sources.map((source) => source ?? "")].join("\n");
}
