export { type AssemblerOptions, createAssembler } from "./assemble/assembler.ts";
export { type Compression, chooseCompression } from "./layers/compression.ts";
export type * from "./model.ts";
export { createOutsideBuilder } from "./outside/outside-builder.ts";
export { createImageInspector, type EntrypointFile, type ImageInspector } from "./taken/inspect-image.ts";
export { createLeftImages, type LeftImages } from "./taken/left-image.ts";
export { type TakenImage, takeImage } from "./taken/take-image.ts";
