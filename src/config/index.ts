export { type ConventionFacts, type RevisionFiles, readConventions } from "./conventions.ts";
export { type Diagnostic, didYouMean } from "./diagnostics.ts";
export { type FamilyReading, readFamilyFile } from "./family-file.ts";
export { guessFamily, type RepositoryFinding } from "./family-guess.ts";
export { familySchema } from "./family-schema.ts";
export { fixedFolderOf, pathPattern } from "./manifests/globs.ts";
export {
  type BasePin,
  basePinsIn,
  goFiles,
  goPlaceIn,
  readGoMod,
  withReplaced,
} from "./manifests/go-mod.ts";
export { editPins, type PinEdit, readPins } from "./manifests/read-pins.ts";
export { readRbac } from "./manifests/read-rbac.ts";
export { type KnownRules, readPolicyFile } from "./policy-file.ts";
export { findJobFiles } from "./prow/files.ts";
export {
  clustersInRepo,
  type InRepoRequest,
  isInRepoEnabled,
  type ProwSurroundings,
  readInRepoJobs,
} from "./prow/in-repo.ts";
export { findInRepoFiles, inRepoVersion } from "./prow/in-repo-files.ts";
export { type ProwReading, type ProwRequest, readProw } from "./prow/load.ts";
export { readReleaseConfiguration } from "./release-configuration.ts";
export { releaseSchema } from "./release-schema.ts";
export { repositoryNames } from "./repository-url.ts";
export { readTrainFile, type TrainDocument } from "./train-file.ts";
