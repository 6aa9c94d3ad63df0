export { finalStates, type Job, type JobBody, type JobType, type PullRef, type Refs, type RunFacts } from "./model.ts";
