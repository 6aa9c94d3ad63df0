export type { CliDependencies, LocalRunRequest, LocalRunResult, ServeRequest, Terminal } from "./context.ts";
export type { Output } from "./output.ts";
export { runProgram } from "./program.ts";
