export { type AssemblerOptions, createAssembler } from "./assemble/assembler.ts";
export { chooseCompression, type Compression } from "./layers/compression.ts";
export type * from "./model.ts";
