import { existsSync } from "node:fs";
import { join } from "node:path";

/** Where something is that the project does not bring along, and, if it is not said, the reason for a test's name. */
export interface Place {
  readonly folder: string | undefined;
  /** Begins with a space; empty where it is there. */
  readonly lacks: string;
}

function placeNamed(variable: string, needed: string): Place {
  const folder = process.env[variable];
  const there = folder !== undefined && existsSync(join(folder, needed));
  return there
    ? { folder, lacks: "" }
    : { folder: undefined, lacks: ` (skipped: ${variable} names no folder with ${needed})` };
}

/** What Prow answered on real job files: `prow-main-config.yaml`, `prow-jobs/` and `golden/`. */
export const recordedFacts = () => placeNamed("FAIRLEAD_PROW_FACTS", "golden/triggers.jsonl");

/** A checkout of kubernetes/test-infra. */
export const testInfra = () => placeNamed("FAIRLEAD_TEST_INFRA", "config/jobs");

/** Folder of bare repositories, `ORG+REPO/repo` or `ORG/REPO.git` each. */
export const publicRepositories = () => placeNamed("FAIRLEAD_REPOSITORIES", ".");

export function repositoryIn(folder: string, name: string): string | undefined {
  return [join(folder, name.replace("/", "+"), "repo"), join(folder, `${name}.git`)].find((path) => existsSync(path));
}

/** Folder of Prow's own programs, built: `clonerefs`, `checkconfig`. */
export const prowPrograms = (needed: string) => placeNamed("FAIRLEAD_PROW_PROGRAMS", needed);
