import type { DrainOrders } from '../drains/drain-orders.ts'
import { Metrics } from '../metrics/metrics.ts'
import { SceneMaker } from '../metrics/scene-maker.ts'
import type { Parts } from '../parts.ts'

/** The metrics of a balancer. */
export function metricsOf(parts: Parts, drains: DrainOrders): Metrics {
  const { scoreboard, sessions, tallies, counts, supervisor, tls, traffic, sources } = parts
  const scenes = new SceneMaker({
    scoreboard,
    sessions: sessions.table,
    tallies,
    counts,
    snapshot: () => supervisor.snapshot,
    workerSlots: () => supervisor.workerSlots,
    certificates: () => tls.material.origins,
    drains: () => drains.views(),
    sources: () => sources.all,
    stickinessOf: (upstream) => traffic.stickinessOf(upstream),
  })
  return new Metrics(scenes)
}
