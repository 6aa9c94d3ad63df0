import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { Journal } from "../journal/index.ts";
import type { Store } from "../store/index.ts";

/** `/metrics` in Prometheus' text format, counted when asked. */
export function createMetrics(options: { readonly store: Store; readonly journal: Journal }): () => Promise<string> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "fairlead_" });
  const { db } = options.store;
  new Gauge({
    name: "fairlead_runs",
    help: "Runs by state.",
    labelNames: ["state"],
    registers: [registry],
    async collect() {
      const rows = await db
        .selectFrom("runs")
        .select((eb) => ["state", eb.fn.countAll<number>().as("n")])
        .groupBy("state")
        .execute();
      for (const row of rows) this.set({ state: row.state }, Number(row.n));
    },
  });
  new Gauge({
    name: "fairlead_releases",
    help: "Releases by state.",
    labelNames: ["state"],
    registers: [registry],
    async collect() {
      const rows = await db
        .selectFrom("releases")
        .select((eb) => ["state", eb.fn.countAll<number>().as("n")])
        .groupBy("state")
        .execute();
      for (const row of rows) this.set({ state: row.state }, Number(row.n));
    },
  });
  new Gauge({
    name: "fairlead_journal_open",
    help: "Effects written down and not done yet.",
    registers: [registry],
    async collect() {
      this.set(await options.journal.openEntries());
    },
  });
  return () => registry.metrics();
}
