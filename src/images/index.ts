export { type AssemblerOptions, createAssembler } from "./assemble/assembler.ts";
export { type Compression, chooseCompression } from "./layers/compression.ts";
export type * from "./model.ts";
