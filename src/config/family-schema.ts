import { z } from "zod";
import { compilePattern, parseDuration } from "../core/index.ts";

const name = z
  .string()
  .max(63, "at most 63 characters")
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, "lower-case letters, digits and dashes only");

const imageName = z
  .string()
  .max(128)
  .regex(/^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$/, "an image name is of lower-case letters, digits, dots, dashes");

const duration = z.string().superRefine((text, context) => {
  const parsed = parseDuration(text);
  if (!parsed.ok) context.addIssue({ code: "custom", message: parsed.error.message });
});

const pattern = z.string().superRefine((text, context) => {
  const compiled = compilePattern(text);
  if (!compiled.ok) context.addIssue({ code: "custom", message: compiled.error.message });
});

const severity = z.enum(["refuse", "warn", "note", "off"], "one of refuse, warn, note, off");
const severities = z.record(z.string(), severity);
const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "not a variable name");
const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const host = z.string().regex(/^[A-Za-z0-9.-]+(:\d{1,5})?$/, "a host, with a port if needed");
const registry = z
  .string()
  .regex(/^(builtin|[A-Za-z0-9.-]+(:\d{1,5})?(\/[a-z0-9._/-]+)?)$/, "`builtin`, or host[:port]/path");

const units = { MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 } as const;
const bytes = z
  .string()
  .regex(/^[1-9]\d{0,5}(MiB|GiB|TiB)$/, "a whole number with MiB, GiB or TiB: 50GiB")
  .transform(
    (text) => Number.parseInt(text, 10) * (Object.entries(units).find(([unit]) => text.endsWith(unit))?.[1] ?? 1),
  );

const kubernetesVersion = z.string().regex(/^\d+\.\d+$/, 'a version in quotes, as "1.36"');

const argumentVector = z.array(z.string().min(1).max(2000)).min(1).max(50);
const insidePath = z
  .string()
  .min(1)
  .max(500)
  .regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$))[A-Za-z0-9._/${}*,-]+$/, "a path inside the repository");
const scriptVariable = z
  .string()
  .max(100)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "the name of an image");

const component = z.strictObject({
  repository: z.string().min(1).max(2000),
  kind: z.enum(["versioned", "internal", "deployment"], "one of versioned, internal, deployment").default("versioned"),
  deployed: z.boolean().optional(),
  images: z.array(imageName).max(50).optional(),
  maintainers: z.array(z.string().min(1).max(100)).max(100).default([]),
  org: z.string().min(1).max(100).optional(),
  repo: z.string().min(1).max(100).optional(),
  branch: z.string().min(1).max(200).optional(),
  testedIn: z.array(name).max(50).default([]),
  maintenance: z.strictObject({ lines: z.int().min(0).max(50).default(3) }).prefault({}),
  jobs: z
    .strictObject({
      env: z.record(variable, text).default({}),
      optional: z.array(z.string()).default([]),
      skipBranches: z.array(pattern).default([]),
      timeout: duration.optional(),
      gracePeriod: duration.optional(),
      versions: z.array(kubernetesVersion).optional(),
      alpha: z.boolean().default(true),
    })
    .prefault({}),
  e2e: z
    .strictObject({
      folder: insidePath.optional(),
      before: z.array(insidePath).max(50).default([]),
      rbac: z.record(scriptVariable, insidePath).default({}),
    })
    .optional(),
});

const secretName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "a secret's name: lower-case letters, digits, dots and dashes");
const secretKey = z
  .string()
  .max(253)
  .regex(/^(?!\.{1,2}$)[A-Za-z0-9._-]+$/, "letters, digits, dots, dashes, underscores");
const secretPath = z.string().min(1).max(1000);
/** Where the values stand: a folder with a file for each key, or each key alone; always outside of repositories. */
const secretSource = z.union([
  z.strictObject({ dir: secretPath }),
  z.strictObject({
    keys: z.record(secretKey, z.union([z.strictObject({ file: secretPath }), z.strictObject({ env: variable })])),
  }),
]);

const mirrorAddress = z
  .string()
  .max(1000)
  .regex(
    /^((s3|gs):\/\/[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](\/[^\s?#]*)?|[^:\s][^:]*)$/,
    "a directory, s3://bucket/prefix or gs://bucket/prefix",
  );
const mirror = z.union([
  mirrorAddress.transform((to) => ({ to })),
  z.strictObject({
    to: mirrorAddress,
    endpoint: z.url({ protocol: /^https?$/, error: "http(s)://host, where the bucket's interface answers" }).optional(),
    region: z
      .string()
      .regex(/^[a-z0-9-]{1,40}$/, "a region's name")
      .optional(),
  }),
]);

/** Prow's name of a build cluster, which jobs give as their `cluster`. */
const clusterAlias = z
  .string()
  .max(63)
  .regex(/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/, "an alias: letters, digits, dots, dashes, underscores");
const buildCluster = z
  .strictObject({
    kubeconfig: z.string().min(1).max(1000).optional(),
    context: z.string().min(1).max(253).optional(),
    namespace: name,
    image: z
      .string()
      .max(500)
      .regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/, "an image: registry/name:tag, or name@sha256:…"),
    serviceAccounts: z.array(name).max(100).default([]),
    networkPolicies: z.boolean().default(false),
    userNamespaces: z.boolean().default(false),
  })
  .transform(({ kubeconfig, context, namespace, image, serviceAccounts, networkPolicies, userNamespaces }) => ({
    kubeconfig,
    context,
    namespace,
    image,
    serviceAccounts,
    networkPolicies,
    userNamespaces,
  }));

/** Severities and numbers of the rules of the preflight. */
export const policySchema = z
  .object({
    components: z.record(name, severities).default({}),
    thresholds: z
      .strictObject({ "shared-behind": z.int().min(0).max(1000).optional(), "clock-skew": duration.optional() })
      .prefault({}),
  })
  .catchall(severity);

export type PolicyDocument = z.infer<typeof policySchema>;

/** `fairlead.yaml` as it is written. */
export const familySchema = z.strictObject({
  family: name,
  forge: z
    .strictObject({
      local: z.strictObject({}).optional(),
      git: z.strictObject({ poll: duration.optional() }).optional(),
      github: z.record(z.string(), z.unknown()).optional(),
    })
    .prefault({}),
  components: z.record(name, component).default({}),
  registries: z
    .strictObject({
      canary: registry.default("builtin"),
      release: z.array(registry).min(1).max(20).default(["builtin"]),
      mirrors: z.record(host, z.string().min(1)).default({}),
      mirrorsMayResolve: z.boolean().default(false),
      baseHosts: z.array(host).default([]),
      audit: z.union([z.literal("off"), duration]).default("6h"),
      quota: z
        .strictObject({ repository: bytes.optional(), family: bytes.optional(), run: bytes.prefault("20GiB") })
        .optional(),
    })
    .prefault({}),
  kubernetes: z
    .strictObject({
      versions: z.array(kubernetesVersion).default([]),
      experimental: z.array(z.string()).default([]),
      development: z
        .string()
        .regex(/^[a-z0-9.-]{1,30}$/, "lower-case letters, digits, dots and dashes")
        .default("master"),
      env: z.record(variable, text).default({}),
      developmentEnv: z.record(variable, text).default({}),
      alpha: z
        .strictObject({ versions: z.array(kubernetesVersion).default([]), env: z.record(variable, text).default({}) })
        .prefault({}),
      cluster: z.enum(["none", "kind", "existing", "command"], "one of none, kind, existing, command").default("none"),
      command: z
        .strictObject({
          up: argumentVector,
          load: argumentVector.optional(),
          down: argumentVector,
          logs: argumentVector.optional(),
        })
        .optional(),
      kind: z
        .strictObject({
          program: z.string().min(1).max(500).default("kind"),
          nodeImages: z
            .record(
              z.union([kubernetesVersion, z.literal("development")]),
              z.string().regex(/@sha256:[0-9a-f]{64}$/, "an image by digest: kindest/node:v1.36.1@sha256:…"),
            )
            .default({}),
          config: z.string().min(1).max(1000).optional(),
        })
        .transform(({ program, nodeImages, config }) => ({ program, nodeImages, config }))
        .optional(),
      existing: z
        .strictObject({
          kubeconfig: z.string().min(1).max(1000),
          context: z.string().min(1).max(200).optional(),
          namespace: z
            .string()
            .max(63)
            .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, "the name of a namespace")
            .optional(),
          production: z.boolean().default(false),
          load: argumentVector.optional(),
        })
        .transform(({ kubeconfig, context, namespace, production, load }) => ({
          kubeconfig,
          context,
          namespace,
          production,
          load,
        }))
        .optional(),
      e2e: z
        .strictObject({
          deployment: name.optional(),
          ref: z.string().min(1).max(200).optional(),
          others: z.enum(["pinned", "canary"], "one of pinned, canary").default("pinned"),
          folder: insidePath.optional(),
          script: insidePath.optional(),
          test: z.string().min(1).max(20_000).optional(),
          driver: insidePath.optional(),
          suites: z
            .record(
              z.union([kubernetesVersion, z.literal("development")]),
              z.strictObject({
                folder: z.string().regex(/^\/\S{1,500}$/, "an absolute path of the server"),
                revision: z.string().regex(/^[0-9A-Za-z][0-9A-Za-z.+_-]{0,99}$/, "a version or a commit"),
              }),
            )
            .default({}),
          ready: duration.default("10m"),
          env: z.record(variable, text).default({}),
        })
        .optional(),
    })
    .prefault({}),
  lanes: z
    .strictObject({
      every: duration.default("6h"),
      afterCanary: z.union([z.literal("off"), duration]).default("30m"),
      ref: z.string().min(1).max(200).default("master"),
      stable: z.string().optional(),
      canary: z.string().optional(),
      env: z.record(variable, text).default({}),
      canaryEnv: z.record(variable, text).default({}),
      developmentEnv: z.record(variable, text).default({}),
    })
    .optional(),
  jobs: z
    .strictObject({
      generate: z.boolean().default(true),
      image: z.string().min(1).max(500).default("gcr.io/k8s-staging-test-infra/kubekins-e2e:latest-master"),
      labels: z.record(z.string(), text).default({}),
      dashboard: z.string().max(200).default(""),
      alertEmail: z.string().max(200).optional(),
    })
    .prefault({}),
  prow: z
    .strictObject({
      config: z.string().optional(),
      jobs: z.array(z.string()).default([]),
      inRepo: z
        .strictObject({
          enabled: z.record(z.string().min(1).max(200), z.boolean()).default({}),
          secrets: z.array(secretName).max(100).default([]),
        })
        .prefault({}),
    })
    .optional(),
  secrets: z.record(secretName, secretSource).default({}),
  release: z
    .strictObject({
      policy: policySchema.prefault({}),
    })
    .prefault({}),
  signers: z
    .record(
      z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$/, "a user name of letters, digits, dots, dashes"),
      z
        .array(
          z
            .string()
            .max(5000)
            .regex(
              /^(?:sk-)?(?:ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521)|ssh-rsa)(?:@openssh\.com)? [A-Za-z0-9+/]+=*(?: [^\n\r]*)?$/,
              "an SSH public key, as it stands in a .pub file",
            ),
        )
        .min(1)
        .max(20),
    )
    .optional(),
  signing: z
    .strictObject({
      command: z.array(z.string().min(1).max(2000)).min(1).max(50),
      publicKey: z.string().max(10_000).includes("-----BEGIN PUBLIC KEY-----", { error: "a public key in PEM" }),
    })
    .optional(),
  results: z.strictObject({ mirror: z.array(mirror).max(10).default([]) }).prefault({}),
  maintenance: z.strictObject({ every: z.union([z.literal("off"), duration]).default("24h") }).prefault({}),
  access: z.strictObject({ anonymous: z.enum(["none", "read"]).default("none") }).prefault({}),
  toolchains: z
    .strictObject({
      goproxy: z.url({ protocol: /^https?$/, error: "http(s)://host, a GOPROXY" }).optional(),
      archives: z
        .array(
          z
            .strictObject({
              name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,60}$/, "the name of a program"),
              version: z.string().regex(/^[0-9A-Za-z][0-9A-Za-z.+-]{0,60}$/, "a version"),
              url: z.string().regex(/^(https?:\/\/|\/)\S{1,1000}$/, "http(s)://…, or an absolute path of the server"),
              sha256: z.string().regex(/^[0-9a-f]{64}$/, "64 hexadecimal digits"),
              bin: z
                .string()
                .regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$))[^\0\\]{1,200}$/, "a folder inside the archive")
                .optional(),
            })
            .transform(({ name, version, url, sha256, bin }) => ({ name, version, url, sha256, bin })),
        )
        .max(100)
        .default([]),
    })
    .prefault({})
    .transform(({ goproxy, archives }) => ({ goproxy, archives })),
  execute: z
    .strictObject({
      kind: z.enum(["process", "container", "kubernetes"], "one of process, container, kubernetes").default("process"),
      engine: z.enum(["podman", "docker"], "one of podman, docker").optional(),
      options: z.array(z.string().min(1).max(500)).max(30).optional(),
      privileged: z.array(z.string().min(1).max(200)).max(500).default([]),
      clusters: z.record(clusterAlias, buildCluster).optional(),
    })
    .prefault({})
    .transform(({ kind, engine, options, privileged, clusters }) => ({ kind, engine, options, privileged, clusters })),
  reachable: z.array(z.string().regex(/^[^\s:]+:\d{1,5}$/, "host:port")).default([]),
});

export type FamilyDocument = z.infer<typeof familySchema>;
