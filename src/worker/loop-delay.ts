import { monitorEventLoopDelay } from 'node:perf_hooks'
import { WorkerCell } from '../runtime/tallies/layout.ts'
import type { Tally } from '../runtime/tally.ts'

/** How often the event loop is looked at, and for how long figures hold, in ms. */
const RESOLUTION = 20
const INTERVAL = 5000

/** Measures how late this thread's event loop runs what is due, for as long as the thread runs. */
export function measureLoopDelay({ worker }: Tally): void {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION })
  histogram.enable()
  setInterval(() => {
    if (histogram.count === 0) return
    worker[WorkerCell.DelayMedian] = delayIn(histogram.percentile(50))
    worker[WorkerCell.DelayHigh] = delayIn(histogram.percentile(99))
    worker[WorkerCell.DelayMost] = delayIn(histogram.max)
    histogram.reset()
  }, INTERVAL).unref()
}

/** In s. What is measured, in ns, is the time between two looks. */
function delayIn(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - RESOLUTION / 1000)
}
