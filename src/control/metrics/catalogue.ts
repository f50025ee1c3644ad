import type { Metric } from './exposition.ts'
import { processMetrics } from './process-metrics.ts'
import type { Scene } from './scene.ts'
import { serverMetrics } from './server-metrics.ts'
import { trafficMetrics } from './traffic-metrics.ts'

/** All metrics; docs/metrics.md has a line for each. */
export const catalogue: readonly Metric<Scene>[] = [...trafficMetrics, ...serverMetrics, ...processMetrics]
