import type { Sample } from '../../admin/traffic.ts'
import { formatCount } from '../count.ts'
import { formatAmount, formatShare } from './numbers.ts'
import { spark } from './spark.ts'

/** The lines about everything together: a name, the value of the last second, and how it was before. */
export function summaryLines(samples: readonly Sample[], sparkWidth: number, columns: number): string[] {
  const now = samples.at(-1)
  if (now === undefined) return ['  nothing is known of the traffic yet']
  const line = (title: string, value: string, of: (sample: Sample) => number | null) =>
    `  ${title.padEnd(12)}${value.padStart(9)}  ${spark(samples.map(of), sparkWidth)}`.trimEnd()
  return [
    line('requests/s', formatAmount(now.requests), ({ requests }) => requests),
    line('errors/s', formatAmount(now.errors), ({ errors }) => errors),
    line('p95 ms', formatAmount(now.p95), ({ p95 }) => p95),
    line('connections', formatCount(now.connections), ({ connections }) => connections),
    line('sticky', formatShare(now.stickiness), ({ stickiness }) => stickiness),
    fitting(countsOf(now), columns),
  ]
}

function countsOf({ p50, p99, refused, inFlight, tunnels, queued, sessions, retries }: Sample): string[] {
  return [
    `p50 ${formatAmount(p50)} ms`,
    `p99 ${formatAmount(p99)} ms`,
    `sessions ${formatCount(sessions)}`,
    `in flight ${formatCount(inFlight)}`,
    `4xx ${formatAmount(refused)}/s`,
    `queued ${formatCount(queued)}`,
    `retries ${formatAmount(retries)}/s`,
    `tunnels ${formatCount(tunnels)}`,
  ]
}

/** A line of the first of some texts: as many as there is room for. */
function fitting([first, ...others]: readonly string[], columns: number): string {
  let line = `  ${first}`
  for (const text of others) {
    const longer = `${line}   ${text}`
    if (longer.length > columns) break
    line = longer
  }
  return line
}
