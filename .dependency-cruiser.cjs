// The order of the rooms (docs/architecture.md). A room is entered by its door, index.ts; pure rooms do no I/O.
const pure = "^src/(core|family|jobs|policy|plan)/";
const rooms =
  "(core|family|jobs|policy|plan|config|forge|git|journal|runs|execute|results|oci|images|registry|release|proof|store|history|intake|combine)";

module.exports = {
  forbidden: [
    {
      name: "core-imports-nothing",
      severity: "error",
      from: { path: "^src/core/", pathNot: "\\.test\\.ts$" },
      to: { path: "^src/", pathNot: "^src/core/" },
    },
    {
      name: "pure-rooms-in-order",
      comment: "core <- family <- jobs <- policy <- plan",
      severity: "error",
      from: { path: "^src/family/", pathNot: "\\.test\\.ts$" },
      to: { path: "^src/", pathNot: "^src/(core|family)/" },
    },
    {
      name: "jobs-below-policy",
      severity: "error",
      from: { path: "^src/jobs/", pathNot: "\\.test\\.ts$" },
      to: { path: "^src/", pathNot: "^src/(core|family|jobs)/" },
    },
    {
      name: "policy-below-plan",
      severity: "error",
      from: { path: "^src/policy/", pathNot: "\\.test\\.ts$" },
      to: { path: "^src/", pathNot: "^src/(core|family|jobs|policy)/" },
    },
    {
      name: "plan-is-pure",
      severity: "error",
      from: { path: "^src/plan/", pathNot: "\\.test\\.ts$" },
      to: { path: "^src/", pathNot: "^src/(core|family|jobs|policy|plan)/" },
    },
    {
      name: "pure-rooms-do-no-io",
      severity: "error",
      from: { path: pure, pathNot: "\\.test\\.ts$" },
      to: { dependencyTypes: ["core"], pathNot: "^(crypto|util)$" },
    },
    {
      name: "pure-rooms-use-few-packages",
      comment: "RE2 patterns, the order of versions, the times of cron expressions; nothing that could do I/O",
      severity: "error",
      from: { path: pure, pathNot: "\\.test\\.ts$" },
      to: { path: "node_modules/", pathNot: "node_modules/(@types/)?(re2js|semver|croner)/" },
    },
    {
      name: "config-below-what-acts",
      severity: "error",
      from: { path: "^src/config/", pathNot: "\\.test\\.ts$" },
      to: { path: "^src/", pathNot: "^src/(core|family|jobs|config)/" },
    },
    {
      name: "no-pure-room-knows-config",
      severity: "error",
      from: { path: pure },
      to: { path: "^src/config/" },
    },
    {
      name: "oci-below-images-registry-release",
      severity: "error",
      from: { path: "^src/oci/", pathNot: "\\.test\\.ts$" },
      to: { path: "^src/", pathNot: "^src/(core|oci)/" },
    },
    {
      name: "rooms-by-their-door",
      severity: "error",
      from: { path: `^src/${rooms}/` },
      to: { path: `^src/${rooms}/.+`, pathNot: ["^src/$1/", `^src/${rooms}/index\\.ts$`] },
    },
    {
      name: "others-use-doors-too",
      severity: "error",
      from: { path: "^src/(server|web|cli|compose|main)" },
      to: {
        path: `^src/${rooms}/.+`,
        pathNot: `^src/${rooms}/(process/|container/|kubernetes/|host/|toolchains/|local/|cluster/(kind|existing|command)/)?index\\.ts$`,
      },
    },
    {
      name: "adapters-are-put-in-place-by-compose-alone",
      severity: "error",
      from: {
        path: "^src/",
        pathNot:
          "^src/(compose/|main\\.ts|execute/process/|execute/container/|execute/kubernetes/|forge/local/|combine/cluster/(kind|existing|command)/)",
      },
      to: {
        path: "^src/(execute/process|execute/container|execute/kubernetes|forge/local|combine/cluster/(kind|existing|command))/",
      },
    },
    {
      name: "features-know-no-server",
      severity: "error",
      from: { path: `^src/${rooms}/` },
      to: { path: "^src/(server|web|cli|compose|main)" },
    },
    {
      name: "shells-by-their-doors",
      comment: "pages and commands know the views of the server, never its inside; what joins them is compose",
      severity: "error",
      from: { path: "^src/([^/]+)/", pathNot: "^src/compose/" },
      to: {
        path: "^src/(server|web|cli|compose)/",
        pathNot: ["^src/$1/", "^src/(server/views|web|cli)/index\\.ts$"],
      },
    },
    {
      name: "processes-are-started-in-few-places",
      severity: "error",
      from: {
        path: "^src/",
        pathNot:
          "^src/(git|execute|forge/local|proof/outside-signer\\.ts|cli/demo|combine/cluster/programs\\.ts|compose/docker-credentials|main\\.ts)|\\.test\\.ts$",
      },
      to: { path: "^(node:)?child_process$" },
    },
    {
      name: "no-circles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    { name: "not-to-unresolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default"] },
  },
};
