export { adoptComponent, mendChangeRefs } from "./adopt.ts";
export { type ChangeActs, createChangeActs } from "./change-acts.ts";
export type { FactSources } from "./facts.ts";
export { createIntake, type Decided, type Intake } from "./intake.ts";
export { createLanding, type Landing } from "./landing.ts";
export { createPushHandler } from "./push.ts";
export { allComponents, findComponent } from "./records.ts";
export { type Candidate, createReleaseActs, type PreflightAnswer, type ReleaseActs } from "./release-acts.ts";
export { createRunActs, type RunActs } from "./run-acts.ts";
