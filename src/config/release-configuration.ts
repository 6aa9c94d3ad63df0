import type { Result } from "../core/index.ts";
import type { Component, ReleaseConfiguration } from "../family/index.ts";
import { type ConventionFacts, type RevisionFiles, readConventions } from "./conventions.ts";
import { readReleaseFile, releaseFileName } from "./release-file.ts";

/** What a revision says about how it is built and released: its `.fairlead.yaml`, else the conventions. */
export async function readReleaseConfiguration(
  files: RevisionFiles,
  component: Component,
  facts: ConventionFacts,
): Promise<Result<ReleaseConfiguration>> {
  const text = await files.read(releaseFileName);
  return text === undefined ? await readConventions(files, component, facts) : readReleaseFile(text, facts.here);
}
