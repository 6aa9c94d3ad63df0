import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/**
 * `unit` stands beside the code and needs nothing but Node and git. `contract` runs one suite over every adapter of a
 * port, `blackbox` drives the built program with real clients, `attack` tries to break the rules of trust. `prow`
 * compares with what Prow says of real files and repositories, where variables name the folders that hold them. `real`
 * takes the public repositories of kubernetes-csi through everything (`bin/test --real FOLDER`). `kubernetes` needs a
 * cluster of its own (`bin/test --kubernetes`) and is left out of the others.
 */
export default defineConfig({
  test: {
    // Most black-box tests wait for servers of their own: one worker would leave the machine idle.
    maxWorkers: Math.max(2, availableParallelism()),
    projects: [
      { test: { name: "unit", include: ["src/**/*.test.ts", "src/**/*.test.tsx"], testTimeout: 20_000 } },
      { test: { name: "contract", include: ["test/contract/**/*.test.ts"], testTimeout: 60_000 } },
      {
        test: {
          name: "blackbox",
          include: ["test/blackbox/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: { name: "prow", include: ["test/prow/**/*.test.ts"], testTimeout: 600_000, hookTimeout: 120_000 },
      },
      {
        test: {
          name: "kubernetes",
          include: ["test/kubernetes/**/*.test.ts"],
          globalSetup: ["test/kubernetes/shared-cluster.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "real",
          include: ["test/real/**/*.test.ts"],
          testTimeout: 7_200_000,
          hookTimeout: 7_200_000,
          fileParallelism: false,
        },
      },
      {
        test: { name: "attack", include: ["test/attack/**/*.test.ts"], testTimeout: 120_000, hookTimeout: 120_000 },
      },
    ],
  },
});
