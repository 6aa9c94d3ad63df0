import { z } from "zod";

const script = z.string().min(1).max(20_000);
const path = z
  .string()
  .min(1)
  .max(1000)
  .refine((text) => !text.startsWith("/") && !text.split("/").includes(".."), "a path inside the repository");
const platform = z.string().regex(/^[a-z0-9]+\/[a-z0-9]+(\/v\d+)?$/, "os/architecture, for example linux/amd64");
const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const buildArguments = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "not an argument name"), text);

const image = z.strictObject({
  name: z
    .string()
    .max(128)
    .regex(/^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$/, "an image name is of lower-case letters, digits, dots, dashes"),
  dockerfile: path.default("Dockerfile"),
  platforms: z
    .array(
      z.union([
        platform,
        z.strictObject({
          platform,
          osVersion: z.string().optional(),
          dockerfile: path.optional(),
          args: buildArguments.default({}),
          suffix: z.string().max(10).default(""),
        }),
      ]),
    )
    .min(1)
    .max(30)
    .optional(),
  args: buildArguments.default({}),
  version: z.string().max(200).optional(),
  builder: z.enum(["assembler", "buildah", "podman"]).optional(),
});

/** `.fairlead.yaml` as it is written. */
export const releaseSchema = z.strictObject({
  toolchain: z.record(z.string(), text).default({}),
  build: script.optional(),
  test: script.optional(),
  push: script.optional(),
  e2e: script.optional(),
  images: z.array(image).max(50).default([]),
  files: z.array(path).max(200).default([]),
  pins: z.array(z.string()).max(50).default([]),
  shared: z.record(z.string(), z.string()).default({}),
});

export type ReleaseDocument = z.infer<typeof releaseSchema>;
